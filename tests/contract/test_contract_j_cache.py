"""Contract J: the cache, within one process. (Across replicas: part 3. The key's clauses: test_contract_j_key.py.)"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.assembly import make_codecs
from proxy.codecs.accumulate import Accumulator
from proxy.core.messages import TextPart
from tests.support.clock import FakeClock
from tests.support.gateway import ADMIN_KEY, Running, chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, failing, json_answer, stream_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def content(text: str) -> str:
    """What a stream says in all."""
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))


async def test_a_repeat_is_a_hit(upstream: Upstream) -> None:
    """Same body: one call; provider "cache", cost 0, a fresh id, and E's headers."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        first, second = await edge.chat(), await edge.chat()
        assert len(upstream.calls) == 1
        one, two = first.json(), second.json()
        assert one["metadata"]["cached"] is False
        assert two["metadata"] | {"latency_ms": 0} == {
            "provider": "cache",
            "cached": True,
            "cache_tier": "l1",
            "latency_ms": 0,
            "cost_usd": 0.0,
        }
        assert two["id"] != one["id"]
        assert two["id"].startswith("chatcmpl-")
        assert two["created"] > one["created"]
        assert {k: two[k] for k in ("choices", "usage", "model")} == {k: one[k] for k in ("choices", "usage", "model")}
        assert [second.headers[h] for h in ("x-llm-edge-cache", "x-llm-edge-cache-tier", "x-cache-status", "x-cache-layer")] == [
            "hit",
            "l1",
            "HIT",
            "L1",
        ]
        assert first.headers["x-llm-edge-cache"] == "miss"


async def test_tenants_do_not_share(upstream: Upstream) -> None:
    """Another key's tenant misses."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        await edge.chat()
        other = await edge.chat(headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert other.headers["x-llm-edge-cache"] == "miss"
        assert len(upstream.calls) == 2


@pytest.mark.parametrize(
    ("headers", "calls", "status"),
    [({"cache-control": "no-cache"}, 2, "miss"), ({"cache-control": "no-store"}, 2, "bypass"), ({}, 1, "hit")],
)
async def test_cache_control(upstream: Upstream, headers: dict[str, str], calls: int, status: str) -> None:
    """no-cache asks anew (and stores), no-store keeps out."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        await edge.chat()
        answer = await edge.chat(headers=headers)
        assert (len(upstream.calls), answer.headers["x-llm-edge-cache"]) == (calls, status)


@pytest.mark.parametrize("stream", [False, True])
async def test_no_cache_stores_what_it_got(upstream: Upstream, stream: bool) -> None:
    """The next request without it is answered with the new one."""
    async with running(settings(upstream.url)) as edge:
        for text in ("old", "new"):
            upstream.on(stream_answer(chat_stream(text)) if stream else json_answer(chat(text)))
            await edge.chat(stream=stream, headers={"cache-control": "no-cache"} if text == "new" else {})
        last = await edge.chat(stream=True)
        assert content(last.text) == "new"
        assert len(upstream.calls) == 2


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = chat(
    choices=[{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}]
)


@pytest.mark.parametrize("handler", [failing(400), json_answer(CALLING)])
async def test_errors_and_tool_calls_are_not_stored(upstream: Upstream, handler: Any) -> None:
    """Each is asked anew."""
    upstream.on(handler)
    async with running(settings(upstream.url)) as edge:
        for _ in range(2):
            await edge.chat()
        assert len(upstream.calls) == 2


async def test_a_stream_answers_a_stream(upstream: Upstream) -> None:
    """Replayed as proper events, with the usage chunk for those who ask, its metadata saying so."""
    upstream.on(stream_answer(chat_stream("hel", "lo")))
    async with running(settings(upstream.url)) as edge:
        first = await edge.chat(stream=True)
        assert "usage" not in first.text
        again = await edge.chat(stream=True, stream_options={"include_usage": True})
        assert len(upstream.calls) == 1
        assert content(again.text) == "hello"
        last = json.loads(again.text.splitlines()[-4][6:])
        assert last["usage"]["total_tokens"] == 12
        assert last["metadata"]["cached"] is True
        assert again.text.endswith("data: [DONE]\n\n")


async def test_a_whole_answer_answers_a_stream_and_the_reverse(upstream: Upstream) -> None:
    """Either form is made from the other."""
    upstream.on(json_answer(chat("whole")))
    async with running(settings(upstream.url)) as edge:
        await edge.chat("a")
        streamed = await edge.chat("a", stream=True)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert content(streamed.text) == "whole"
        assert streamed.text.endswith("data: [DONE]\n\n")
        upstream.on(stream_answer(chat_stream("in ", "pieces")))
        await edge.chat("b", stream=True)
        whole = await edge.chat("b")
        body = whole.json()
        assert body["choices"][0]["message"]["content"] == "in pieces"
        assert body["object"] == "chat.completion"
        assert body["usage"]["total_tokens"] == 12
        assert body["metadata"]["cached"] is True
        assert len(upstream.calls) == 2


BY_PATH = {
    "bedrock_converse": (
        "/model/echo/converse",
        "/model/echo/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
    ),
    "bedrock_invoke": (
        "/model/echo/invoke",
        "/model/echo/invoke-with-response-stream",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]},
    ),
    "gemini_generate": (
        "/v1beta/models/echo:generateContent",
        "/v1beta/models/echo:streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
}


@pytest.mark.parametrize("dialect", sorted(BY_PATH))
@pytest.mark.parametrize("stream_first", [True, False])
async def test_the_two_paths_of_a_dialect_share_their_answers(dialect: str, stream_first: bool) -> None:
    """Where the path says whether to stream, either form is made from the other, too, and says the same."""
    whole, streamed, body = BY_PATH[dialect]
    codec = make_codecs(FakeClock())[dialect]
    texts = set()
    async with running(settings()) as edge:
        for path, status in zip([streamed, whole] if stream_first else [whole, streamed], ("miss", "hit"), strict=True):
            answer = await edge.client.post(path, params={"alt": "sse"} if "gemini" in dialect else {}, json=body)
            assert (answer.status_code, answer.headers["x-llm-edge-cache"]) == (200, status)
            if path == whole:
                response = codec.decode_response(answer.content)
            else:
                accumulator = Accumulator()
                decoder = codec.stream_decoder()
                for event in [*decoder.feed(answer.content), *decoder.close()]:
                    accumulator.add(event)
                response = accumulator.response()
            texts.add("".join(part.text for part in response.choices[0].content if isinstance(part, TextPart)))
    assert len(texts) == 1
    assert texts != {""}


async def gate(upstream: Upstream, *events: bytes) -> tuple[asyncio.Event, asyncio.Event]:
    """An upstream that sends the first event, waits, and then the rest."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def handle(call: Call) -> None:
        asked.set()
        if not call.json.get("stream"):
            await release.wait()
            await call.answer(200, chat())
            return
        await call.begin_stream()
        await call.chunk(events[0])
        await release.wait()
        for event in events[1:]:
            await call.chunk(event)
        await call.end_stream()

    upstream.on(handle)
    return asked, release


async def joined(edge: Running, n: int) -> None:
    """Until `n` followers have joined."""
    async with asyncio.timeout(10):
        while sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_single_flight_joins_total") < n:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("lead_streams", [True, False])
@pytest.mark.parametrize("follow_streams", [True, False])
async def test_identical_misses_make_one_call(upstream: Upstream, lead_streams: bool, follow_streams: bool) -> None:
    """Followers of either form join the live call and see everything."""
    asked, release = await gate(upstream, *chat_stream("hel", "lo"))
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat(stream=lead_streams))
        await asked.wait()
        followers = [asyncio.ensure_future(edge.chat(stream=follow_streams)) for _ in range(5)]
        await joined(edge, 5)
        release.set()
        answers = [await leader, *[await f for f in followers]]
        assert len(upstream.calls) == 1
        for answer, streams in zip(answers, [lead_streams, *[follow_streams] * 5], strict=True):
            assert answer.status_code == 200
            text = content(answer.text) if streams else answer.json()["choices"][0]["message"]["content"]
            assert text == "hello"
        await edge.idle()


async def test_followers_do_not_wait_for_the_end(upstream: Upstream) -> None:
    """A follower that joins mid-stream gets what is there at once."""
    asked, release = await gate(upstream, *chat_stream("hel", "lo")[1:])
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat(stream=True))
        await asked.wait()
        async with edge.client.stream("POST", "/v1/chat/completions", json=chat_body(stream=True)) as follower:
            async for piece in follower.aiter_text():
                assert "hel" in piece
                break
            release.set()
        await leader
        await edge.idle()


async def test_an_error_is_shared(upstream: Upstream) -> None:
    """Five requests, one failing call, five errors."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def handle(call: Call) -> None:
        asked.set()
        await release.wait()
        await call.answer(400, {"error": {"message": "no", "type": "invalid_request_error", "code": None, "param": None}})

    upstream.on(handle)
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat())
        await asked.wait()
        followers = [asyncio.ensure_future(edge.chat()) for _ in range(4)]
        await joined(edge, 4)
        release.set()
        assert [(await a).status_code for a in (leader, *followers)] == [400] * 5
        assert len(upstream.calls) == 1


async def test_a_leader_out_of_time_hands_over(upstream: Upstream) -> None:
    """Its own deadline is not the followers': one of them leads a call of its own."""
    calls = 0

    async def handle(call: Call) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await call.until_gone()
        else:
            await call.answer(200, chat())

    upstream.on(handle)
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat(headers={"x-llm-edge-timeout-s": "0.5"}))
        await upstream.received(1)
        followers = [asyncio.ensure_future(edge.chat()) for _ in range(3)]
        await joined(edge, 3)
        assert (await leader).status_code == 504
        assert [(await f).status_code for f in followers] == [200] * 3
        assert len(upstream.calls) == 2


async def test_a_shared_stream_that_breaks_is_an_in_band_error_for_all(upstream: Upstream) -> None:
    """Followers that have sent content end with B's error; nothing is stored."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def handle(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hel"}))
        asked.set()
        await release.wait()
        call.close()

    upstream.on(handle)
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat(stream=True))
        await asked.wait()
        follower = asyncio.ensure_future(edge.chat(stream=True))
        await joined(edge, 1)
        release.set()
        for answer in (await leader, await follower):
            assert content(answer.text) == "hel"
            assert '"error"' in answer.text
            assert "[DONE]" not in answer.text
        await edge.idle()


async def test_a_hit_is_judged_by_permit(upstream: Upstream) -> None:
    """A key that may not use the model gets no stored answer either (contract D)."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url, cache={"scope": "global"})) as edge:
        await edge.chat()
        state = edge.gateway.state
        from proxy.storage.issue import new_key, signing_secret

        key, record = new_key(await signing_secret(state.records, None), 0.0, models=("other",))
        await state.records.create(record)
        refused = await edge.chat(headers={"authorization": f"Bearer {key}"})
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "model_not_permitted"
