"""Contract C: for every kind of failure exactly as many attempts are on the wire as configured, whole and streamed, from 1 to 5.

Breakers are off here: they end attempts for reasons of their own.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.access_log import Books
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Handler, Upstream, chat, chat_chunk, chat_stream, failing, json_answer, stream_answer

ATTEMPTS = (1, 2, 3, 4, 5)
QUICK = {"backoff_base_s": 0.001, "backoff_max_s": 0.01}
OFF = {"enabled": False}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


async def reset(call: Call) -> None:
    call.reset()


async def reset_inside_headers(call: Call) -> None:
    await call.raw(b"HTTP/1.1 200 OK\r\ncontent-type: appl")
    call.reset()


async def wrong_type(call: Call) -> None:
    page = b"<html>welcome</html>"
    await call.head(200, {"content-type": "text/html", "content-length": str(len(page))})
    await call.raw(page)


async def cut_before_content(call: Call) -> None:
    await call.begin_stream()
    await call.chunk(chat_chunk({"role": "assistant", "content": ""}))
    call.close()


async def cut_whole(call: Call) -> None:
    body = json.dumps(chat()).encode()
    await call.head(200, {"content-type": "application/json", "content-length": str(len(body))})
    await call.raw(body[:-20])
    call.close()


async def stall(call: Call) -> None:
    await call.until_gone()


async def stall_after_the_head(call: Call) -> None:
    await call.begin_stream()
    await call.until_gone()


KINDS: dict[str, tuple[Handler, int, str]] = {
    "reset": (reset, 502, "connection"),
    "reset inside headers": (reset_inside_headers, 502, "connection"),
    "500": (failing(500), 500, "server_error"),
    "429": (failing(429), 429, "rate_limited"),
    "429 with Retry-After": (failing(429, "slow", {"retry-after-ms": "15"}), 429, "rate_limited"),
    "503": (failing(503), 503, "overloaded"),
    "wrong content type": (wrong_type, 502, "malformed"),
    "stall": (stall, 504, "timeout"),
}
WHOLE = {**KINDS, "broken off": (cut_whole, 502, "connection")}
STREAMED = {
    **KINDS,
    "cut before content": (cut_before_content, 502, "truncated"),
    "head, then stall": (stall_after_the_head, 504, "timeout"),
}


def one_model_for_each(url: str) -> dict[str, Any]:
    provider = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-x-1234567890"]}
    return {
        "providers": {"p": provider},
        "routing": {"breaker": OFF},
        "models": {
            f"m{n}": {"targets": [{"provider": "p", "model": "x"}], "retries": {"attempts": n, "per_try_s": 0.15, **QUICK}}
            for n in ATTEMPTS
        },
    }


async def ask(edge: Running, *, stream: bool, model: str) -> tuple[int, str | None]:
    answer = await edge.chat(model, model=model, stream=stream)
    return answer.status_code, answer.headers.get("x-llm-edge-attempts")


@pytest.mark.parametrize(("stream", "kind"), [*((False, kind) for kind in WHOLE), *((True, kind) for kind in STREAMED)])
async def test_exactly_as_many_as_configured(upstream: Upstream, stream: bool, kind: str) -> None:
    """No layer adds one of its own, and none is left out; each leaves a record that says what it met."""
    handler, status, failure = (STREAMED if stream else WHOLE)[kind]
    upstream.on(handler)
    books = Books()
    async with running(settings(**one_model_for_each(upstream.url)), access_log=books.log) as edge:
        for n in ATTEMPTS:
            before = len(upstream.calls)
            assert await ask(edge, stream=stream, model=f"m{n}") == (status, str(n))
            assert len(upstream.calls) - before == n
        lines = await books.lines(edge)
    for n, line in zip(ATTEMPTS, lines, strict=True):
        assert (line["stopped"], line["attempts"]) == ("attempts", n)
        assert [one["failure"] for one in line["tries"]] == [failure] * n
        assert [one["role"] for one in line["tries"]] == ["primary", *["retry"] * (n - 1)]
        assert all(one["sent"] for one in line["tries"])


@pytest.mark.parametrize("stream", [False, True])
async def test_exactly_as_many_where_nobody_listens(stream: bool) -> None:
    """A refused connection is a try that reached nobody: its record says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    books = Books()
    async with running(settings(**one_model_for_each(url)), access_log=books.log) as edge:
        for n in ATTEMPTS:
            assert await ask(edge, stream=stream, model=f"m{n}") == (502, str(n))
        lines = await books.lines(edge)
    for n, line in zip(ATTEMPTS, lines, strict=True):
        assert [(one["failure"], one["sent"]) for one in line["tries"]] == [("connection", False)] * n


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["reset", "500", "429", "429 with Retry-After", "503", "wrong content type", "stall"])
async def test_the_first_good_answer_is_the_last_call(upstream: Upstream, kind: str, stream: bool) -> None:
    """Two failures, an answer, and no further call, with five attempts allowed."""
    good = stream_answer(chat_stream("fine")) if stream else json_answer(chat("fine"))
    upstream.script(KINDS[kind][0], KINDS[kind][0], good)
    async with running(settings(**one_model_for_each(upstream.url))) as edge:
        answer = await edge.chat(model="m5", stream=stream)
        assert (answer.status_code, len(upstream.calls)) == (200, 3)
        assert "fine" in answer.text


def after_content(how: Callable[[Call], None] | None) -> Handler:
    async def handle(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "partial"}))
        if how is not None:
            how(call)
        else:
            await call.until_gone()

    return handle


def error_event(call: Call) -> None:
    event = b'data: {"error": {"message": "down", "type": "server_error", "code": null}}\n\n'
    call.writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))


@pytest.mark.parametrize(
    ("how", "failure"),
    [(Call.close, "truncated"), (Call.reset, "truncated"), (error_event, "server_error"), (None, "timeout")],
)
async def test_no_retry_after_the_first_content(upstream: Upstream, how: Callable[[Call], None] | None, failure: str) -> None:
    """However the stream ends then, with attempts and another target left."""
    upstream.on(after_content(how))
    provider = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-x-1234567890"]}
    targets = [{"provider": "a", "model": "x"}, {"provider": "b", "model": "x"}]
    config = settings(
        providers={"a": provider, "b": provider},
        models={"m": {"strategy": "failover", "targets": targets, "timeouts": {"between_chunks_s": 0.2}, "fallbacks": ["spare"]},
                "spare": {"targets": [{"provider": "b", "model": "y"}]}},
    )  # fmt: skip
    books = Books()
    async with running(config, access_log=books.log) as edge:
        text = (await edge.chat(model="m", stream=True)).text
        (line,) = await books.lines(edge)
    assert "partial" in text
    assert '"error"' in text
    assert "[DONE]" not in text
    assert len(upstream.calls) == 1
    assert [one["failure"] for one in line["tries"]] == [failure]


@pytest.mark.parametrize(
    ("limit", "stream", "handler"),
    [
        ("per_try_s", False, stall),
        ("per_try_s", True, stall),
        ("per_try_s", True, stall_after_the_head),
        ("first_token_s", True, stall),
        ("first_token_s", True, stall_after_the_head),
    ],
)
async def test_a_try_has_its_own_time(upstream: Upstream, limit: str, stream: bool, handler: Handler) -> None:
    """Within 10 % of its value, whole or streamed; then the next target is asked, within the same deadline."""
    upstream.on(handler)
    provider = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-x-1234567890"]}
    entry: dict[str, Any] = {"targets": [{"provider": "p", "model": "x"}], "retries": {"attempts": 2, **QUICK}}
    if limit == "per_try_s":
        entry["retries"]["per_try_s"] = 0.5
    else:
        entry["timeouts"] = {"first_token_s": 0.5}
    async with running(settings(providers={"p": provider}, models={"m": entry}, routing={"breaker": OFF})) as edge:
        began = time.monotonic()
        assert (await edge.chat(model="m", stream=stream)).status_code == 504
        assert 1.0 <= time.monotonic() - began <= 1.15
        assert len(upstream.calls) == 2


async def test_a_stream_that_has_begun_is_not_cut_by_the_trys_time(upstream: Upstream) -> None:
    """`per_try_s` ends with the first content."""

    async def slow(call: Call) -> None:
        events = chat_stream("a", "b", "c", "d")
        await call.begin_stream()
        for event in events:
            await call.chunk(event)
            await asyncio.sleep(0.08)
        await call.end_stream()

    upstream.on(slow)
    async with running(settings(**one_model_for_each(upstream.url))) as edge:
        answer = await edge.chat(model="m3", stream=True)
        assert answer.text.rstrip().endswith("[DONE]")
        assert len(upstream.calls) == 1


async def test_a_client_in_a_hurry_is_not_the_targets_fault(upstream: Upstream) -> None:
    """A try that its deadline cut short is one whose class says so."""
    upstream.on(stall)
    books = Books()
    async with running(settings(upstream.url), access_log=books.log) as edge:
        assert (await edge.chat(headers={"x-llm-edge-timeout-s": "0.2"})).status_code == 504
        (line,) = await books.lines(edge)
    assert [one["failure"] for one in line["tries"]] == ["deadline"]
    assert line["stopped"] == "deadline"


async def test_the_whole_of_the_configured_time_is(upstream: Upstream) -> None:
    """It had its chance: a time-out of the target."""
    upstream.on(stall)
    books = Books()
    async with running(settings(upstream.url, routing={"timeouts": {"total_s": 0.3}}), access_log=books.log) as edge:
        assert (await edge.chat()).status_code == 504
        (line,) = await books.lines(edge)
    assert [one["failure"] for one in line["tries"]] == ["timeout"]


@pytest.mark.parametrize(
    ("status", "code", "stop"), [(400, None, "final"), (400, "context_length_exceeded", "final"), (401, None, "no_target")]
)
async def test_why_there_were_no_more_is_in_the_log(upstream: Upstream, status: int, code: str | None, stop: str) -> None:
    """A word, and in the metrics a number."""
    upstream.on(failing(status, "no", code=code))
    books = Books()
    async with running(settings(upstream.url), access_log=books.log) as edge:
        assert (await edge.chat()).status_code == status
        (line,) = await books.lines(edge)
        text = (await edge.client.get("/metrics")).text
    assert line["stopped"] == stop
    assert f'llm_edge_attempts_stopped_total{{model="openai/*",reason="{stop}"}} 1.0' in text
    assert len(upstream.calls) == 1


async def test_a_back_off_is_in_the_record(upstream: Upstream) -> None:
    """And counted by what made it necessary."""
    upstream.script(failing(503), json_answer(chat()))
    books = Books()
    async with running(settings(upstream.url), access_log=books.log) as edge:
        assert (await edge.chat()).status_code == 200
        (line,) = await books.lines(edge)
        text = (await edge.client.get("/metrics")).text
    assert "delay_ms" not in line["tries"][0]
    assert 0 < line["tries"][1]["delay_ms"] <= 200
    assert "stopped" not in line
    assert 'llm_edge_retry_causes_total{failure="overloaded",role="retry"} 1.0' in text
