"""n > 1 at providers that give one answer a call: n calls, one answer, over real sockets."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Call, Upstream, failing

USAGE = {"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 2}


def message(text: str) -> dict[str, Any]:
    return {
        "id": f"msg_{text}",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    }


def events(*texts: str, end: bool = True) -> list[bytes]:
    start = {**message("s"), "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
    ]
    if end:
        told += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in told]


class Provider:
    """Anthropic's: the k-th call gets the k-th word; `broken`: which streams end too early; `hold`: none ends by itself."""

    def __init__(self, *, broken: tuple[int, ...] = (), hold: bool = False) -> None:
        self.asked = 0
        self.broken = broken
        self.hold = hold

    async def __call__(self, call: Call) -> None:
        number, self.asked = self.asked, self.asked + 1
        if not call.json.get("stream"):
            await call.answer(200, message(f"word{number}"))
            return
        await call.begin_stream()
        pieces = events("wo", f"rd{number}", end=number not in self.broken)
        await call.chunk(b"".join(pieces[:3]))
        if self.hold:
            await call.until_gone()
            return
        for piece in pieces[3:]:
            await call.chunk(piece)
        await call.end_stream()


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


def config(up: Upstream) -> Any:
    return settings(
        providers={"anthropic": {"kind": "anthropic", "base_url": up.url, "api_keys": ["sk-ant-1"]}}, routing={"retries": {"attempts": 1}}
    )


def openai(edge: Running) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0)


async def test_n_choices_are_n_calls(up: Upstream) -> None:
    """With all their usage; nothing is dropped, and a strict client is content. The log has one try of three calls."""
    up.on(Provider())
    async with running(config(up)) as edge, openai(edge) as client:
        answer = await client.chat.completions.with_raw_response.create(
            model="claude-x", messages=[{"role": "user", "content": "hi"}], n=3, extra_headers={"x-llm-edge-strict": "true"}
        )
    told = answer.parse()
    assert [(c.index, c.message.content, c.finish_reason) for c in told.choices] == [(i, f"word{i}", "stop") for i in range(3)]
    assert told.usage is not None
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (36, 12)
    assert told.usage.prompt_tokens_details is not None
    assert told.usage.prompt_tokens_details.cached_tokens == 6
    assert answer.headers["x-llm-edge-attempts"] == "1"
    assert len(up.calls) == 3
    assert all("n" not in call.json for call in up.calls)


async def test_streams_run_side_by_side(up: Upstream) -> None:
    """Each choice whole and in order, one usage, one end."""
    up.on(Provider())
    texts = {0: "", 1: "", 2: ""}
    finished: list[int] = []
    async with running(config(up)) as edge, openai(edge) as client:
        stream = await client.chat.completions.create(
            model="claude-x", messages=[{"role": "user", "content": "hi"}], n=3, stream=True, stream_options={"include_usage": True}
        )
        usages = []
        async for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                finished += [choice.index] if choice.finish_reason else []
            usages += [chunk.usage] if chunk.usage else []
    assert texts == {0: "word0", 1: "word1", 2: "word2"}
    assert sorted(finished) == [0, 1, 2]
    (usage,) = usages
    assert (usage.prompt_tokens, usage.completion_tokens) == (36, 12)


@pytest.mark.parametrize("stream", [False, True])
async def test_geminis_candidates_are_choices_too(up: Upstream, stream: bool) -> None:
    """candidateCount, whole or as a stream."""
    up.on(Provider())
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 2}}
    operation = "streamGenerateContent?alt=sse" if stream else "generateContent"
    async with running(config(up)) as edge:
        answer = await edge.client.post(f"/v1beta/models/claude-x:{operation}", json=body)
    assert answer.status_code == 200
    for number in range(2):
        assert f"rd{number}" in answer.text
        assert f'"index":{number}' in answer.text
    assert len(up.calls) == 2


async def test_a_stored_answer_has_all_choices(up: Upstream) -> None:
    """From the cache as from the provider."""
    up.on(Provider())
    async with running(config(up)) as edge:
        first, again = [await edge.chat(model="claude-x", n=2, stream=stream) for stream in (True, False)]
    assert first.status_code == 200
    assert again.headers["x-llm-edge-cache"] == "hit"
    assert [choice["message"]["content"] for choice in again.json()["choices"]] == ["word0", "word1"]
    assert len(up.calls) == 2


async def test_one_refusal_refuses_all(up: Upstream) -> None:
    """With its own status and words; the other answers are left."""
    up.script(failing(429, "slow down", {"retry-after": "7"}), Provider())
    async with running(config(up)) as edge:
        answer = await edge.chat(model="claude-x", n=3)
        assert answer.status_code == 429
        assert "slow down" in answer.text
        assert answer.headers["retry-after"] == "7"
        await edge.idle()


async def test_one_broken_connection_fails_all(up: Upstream) -> None:
    """And no other call goes on."""
    waiting = 0

    async def break_first(call: Call) -> None:
        nonlocal waiting
        if len(up.calls) == 1:
            await eventually(lambda: len(up.calls) == 3)
            call.reset()
        else:
            waiting += 1
            await call.until_gone()
            waiting -= 1

    up.on(break_first)
    async with running(config(up)) as edge:
        answer = await edge.chat(model="claude-x", n=3)
        assert answer.status_code == 502
        await eventually(lambda: waiting == 0)


@pytest.mark.parametrize("which", [0, 1])
async def test_one_truncated_stream_truncates_all(up: Upstream, which: int) -> None:
    """Contract B: an error in the stream, no end, nothing stored."""
    up.on(Provider(broken=(which,)))
    async with running(config(up)) as edge:
        answer = await edge.chat(model="claude-x", n=2, stream=True)
        assert "stream_truncated" in answer.text
        assert "[DONE]" not in answer.text
        again = await edge.chat(model="claude-x", n=2)
        assert again.headers["x-llm-edge-cache"] == "miss"


async def test_a_client_that_leaves_ends_every_call(up: Upstream) -> None:
    """Contract A."""
    provider = Provider(hold=True)
    up.on(provider)
    async with running(config(up)) as edge:
        body = {"model": "claude-x", "messages": [{"role": "user", "content": "hi"}], "n": 3, "stream": True}
        async with edge.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for _ in answer.aiter_bytes():
                break
        await edge.idle()
        await eventually(lambda: up.open == 0)


async def test_there_are_not_too_many(up: Upstream) -> None:
    """The client's mistake, by its own name."""
    async with running(config(up)) as edge:
        answer = await edge.chat(model="claude-x", n=17)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")
    assert not up.calls
