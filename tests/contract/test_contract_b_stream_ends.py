"""Contract B: a stream without its terminal evidence is never a success.

Here: OpenAI chat and Anthropic upstreams. Responses, Converse and Gemini come with their codecs.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat_chunk, chat_stream, failing, json_answer, stream_answer

WHOLE = chat_stream("hel", "lo")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def two_targets(up: Upstream, **route: object) -> dict[str, object]:
    provider = {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-x-1234567890"]}
    return {
        "providers": {"one": provider, "two": provider},
        "models": {"gpt-4o-mini": {"strategy": "failover", "targets": [{"provider": "one"}, {"provider": "two"}], **route}},
    }


async def test_cut_before_content_tries_another_target(upstream: Upstream) -> None:
    """Nothing was shown: the client never learns of it."""
    upstream.script(stream_answer([chat_chunk({"role": "assistant", "content": ""})]), stream_answer(WHOLE))
    async with running(settings(upstream.url, **two_targets(upstream))) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code == 200
        assert answer.text.endswith("data: [DONE]\n\n")
        assert answer.headers["x-llm-edge-attempts"] == "2"


async def test_an_error_before_content_is_a_real_status(upstream: Upstream) -> None:
    """An in-band error as the first event becomes a status code."""
    event = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": null}}\n\n'
    upstream.on(stream_answer([event]))
    async with running(settings(upstream.url, routing={"retries": {"attempts": 1}})) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code >= 500
        assert "overloaded" in answer.json()["error"]["message"]


@pytest.mark.parametrize("how", ["clean end", "close", "reset", "garbage", "error event", "done without finish"])
async def test_cut_after_content_is_an_in_band_error(upstream: Upstream, how: str) -> None:
    """No [DONE], no invented finish reason, never cached; the error is the last event."""

    async def cut(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        await asyncio.sleep(0.05)
        if how == "clean end":
            await call.end_stream()
        elif how == "close":
            call.close()
        elif how == "reset":
            call.reset()
        elif how == "garbage":
            await call.chunk(b"data: {not json\n\n")
            await call.end_stream()
        elif how == "error event":
            await call.chunk(b'data: {"error": {"message": "boom", "type": "server_error"}}\n\n')
            await call.end_stream()
        else:
            await call.chunk(b"data: [DONE]\n\n")
            await call.end_stream()

    upstream.on(cut)
    async with running(settings(upstream.url)) as edge:
        for _ in range(2):
            answer = await edge.chat(stream=True)
            assert answer.status_code == 200
            events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
            assert "error" in json.loads(events[-1])
            assert "[DONE]" not in answer.text
            assert '"finish_reason": "stop"' not in answer.text
        assert len(upstream.calls) == 2, "a truncated stream must not be stored, and must not be retried after content"


async def test_done_is_optional_from_upstream_and_always_sent(upstream: Upstream) -> None:
    """A finish_reason for every choice and a clean end are the evidence."""
    upstream.on(stream_answer([e for e in WHOLE if b"[DONE]" not in e]))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat(stream=True)
        assert answer.text.endswith("data: [DONE]\n\n")
        assert answer.text.count("[DONE]") == 1


async def test_evidence_then_a_lost_connection_is_whole(upstream: Upstream) -> None:
    """The end of file may come after the evidence."""

    async def finish_then_close(call: Call) -> None:
        await call.begin_stream()
        for event in WHOLE[:-1]:
            await call.chunk(event)
        call.close()

    upstream.on(finish_then_close)
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat(stream=True)
        assert answer.text.endswith("data: [DONE]\n\n")


async def test_a_finish_for_every_choice_is_needed(upstream: Upstream) -> None:
    """n = 2 with one finished choice is a truncated stream."""
    first = chat_chunk({}, choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": None}])
    second = chat_chunk({}, choices=[{"index": 1, "delta": {"content": "b"}, "finish_reason": None}])
    upstream.on(stream_answer([first, second, chat_chunk({}, "stop"), b"data: [DONE]\n\n"]))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat(stream=True, n=2)
        assert "[DONE]" not in answer.text
        assert "error" in answer.text.splitlines()[-2]


async def test_a_shortened_whole_answer_is_no_success(upstream: Upstream) -> None:
    """Content-Length promised more than came: 502, not a broken 200."""

    async def short(call: Call) -> None:
        body = json.dumps({"id": "x"}).encode()
        await call.head(200, {"content-type": "application/json", "content-length": str(len(body) + 10)})
        await call.raw(body)
        call.close()

    upstream.on(short)
    async with running(settings(upstream.url, routing={"retries": {"attempts": 1}})) as edge:
        answer = await edge.chat()
        assert answer.status_code == 502
        assert answer.headers["x-llm-edge-error-source"] == "provider"


@pytest.mark.parametrize("body", [b"<html>hi</html>", b"{}", b'{"choices": 3}', b"[]", b""])
async def test_an_answer_that_is_none_is_502(upstream: Upstream, body: bytes) -> None:
    """The provider's fault, said in the client's dialect."""
    upstream.on(json_answer(body))
    async with running(settings(upstream.url, routing={"retries": {"attempts": 1}})) as edge:
        answer = await edge.chat()
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "invalid_upstream_answer"


@pytest.mark.parametrize(
    ("timeouts", "phase"),
    [({"first_token_s": 0.4}, "head"), ({"first_token_s": 0.4}, "role"), ({"total_s": 0.4}, "head"), ({"total_s": 0.4}, "whole")],
)
async def test_time_outs_before_content_are_504(upstream: Upstream, timeouts: dict[str, float], phase: str) -> None:
    """First-token and total fire within 10 % of their value (and a little for a busy machine)."""

    async def stall(call: Call) -> None:
        if phase == "role":
            await call.begin_stream()
            await call.chunk(chat_chunk({"role": "assistant", "content": ""}))
        await call.until_gone()

    upstream.on(stall)
    async with running(settings(upstream.url, routing={"retries": {"attempts": 1}, "timeouts": timeouts})) as edge:
        began = time.monotonic()
        answer = await edge.chat(stream=phase != "whole")
        took = time.monotonic() - began
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "upstream_timeout"
        assert 0.4 <= took < 0.8


@pytest.mark.parametrize("timeouts", [{"between_chunks_s": 0.4}, {"total_s": 0.4}])
async def test_time_outs_after_content_are_in_band(upstream: Upstream, timeouts: dict[str, float]) -> None:
    """The client is told inside its stream."""

    async def stall(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        await call.until_gone()

    upstream.on(stall)
    async with running(settings(upstream.url, routing={"timeouts": timeouts})) as edge:
        began = time.monotonic()
        answer = await edge.chat(stream=True)
        assert answer.status_code == 200
        assert "upstream_timeout" in answer.text
        assert 0.4 <= time.monotonic() - began < 0.8


async def test_keep_alives_fill_the_silence(upstream: Upstream) -> None:
    """None before `keepalive_after_s`, then one each such period, before the first token and between chunks; then all goes on."""

    async def slow(call: Call) -> None:
        await asyncio.sleep(0.7)
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        await asyncio.sleep(0.7)
        for event in WHOLE[1:]:
            await call.chunk(event)
        await call.end_stream()

    upstream.on(slow)
    async with running(settings(upstream.url, server={"keepalive_after_s": 0.3})) as edge:
        answer = await edge.chat(stream=True)
        before, _, after = answer.text.partition("hello")
        assert before.count(": keep-alive") == 2
        assert after.count(": keep-alive") == 2
        assert answer.text.endswith("data: [DONE]\n\n")


async def test_after_a_keep_alive_failures_are_in_band_and_targets_still_tried(upstream: Upstream) -> None:
    """Status 200 is out, but no content: another target may answer."""

    async def slow_failure(call: Call) -> None:
        await asyncio.sleep(0.5)
        await call.answer(503, {"error": {"message": "down"}})

    upstream.script(slow_failure, stream_answer(WHOLE))
    async with running(settings(upstream.url, server={"keepalive_after_s": 0.2}, **two_targets(upstream))) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code == 200
        assert ": keep-alive" in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
    upstream.on(slow_failure)
    async with running(settings(upstream.url, server={"keepalive_after_s": 0.2}, routing={"retries": {"attempts": 1}})) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code == 200
        assert '"error"' in answer.text
        assert "[DONE]" not in answer.text


async def test_a_cut_anthropic_stream_is_no_success_either(upstream: Upstream) -> None:
    """Without message_stop the client gets `event: error`."""
    start: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "c",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    events: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": {**start, "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "hello"}}),
    ]
    upstream.on(stream_answer([f"event: {n}\ndata: {json.dumps({'type': n, **d})}\n\n".encode() for n, d in events]))
    config = settings(providers={"anthropic": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-ant-1234567890"]}})
    async with running(config) as edge:
        body = {**chat_body(stream=True), "model": "claude-x", "max_tokens": 10}
        native = await edge.client.post("/v1/messages", json=body)
        assert "event: error" in native.text
        assert "message_stop" not in native.text
        crossed = await edge.chat(model="claude-x", stream=True)
        assert '"error"' in crossed.text
        assert "[DONE]" not in crossed.text


async def test_a_failing_provider_is_not_a_stream(upstream: Upstream) -> None:
    """Its status is kept for streaming clients, too."""
    upstream.on(failing(400, "bad field"))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.chat(stream=True)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "bad field"
