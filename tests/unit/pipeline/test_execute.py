"""One governed generation request, from the parsed body to the last byte."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from proxy.settings import Settings
from proxy.transport.base import UpstreamRequest
from proxy.transport.scripted import Reply
from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.library import data_of, in_process, json_reply, one_provider, stream_reply
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, json_answer, stream_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


async def joined(edge: Running, n: int) -> None:
    """Until `n` followers have joined a call."""
    await eventually(
        lambda: sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_single_flight_joins_total") >= n
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_who_was_handed_a_call_made_it_itself(upstream: Upstream, stream: bool) -> None:
    """A follower whose leader ran out of time answers from its own call: a miss, that provider, its tokens."""
    answers = iter([None, stream_answer(chat_stream("own")) if stream else json_answer(chat("own"))])

    async def handle(call: Call) -> None:
        answer = next(answers)
        await (call.until_gone() if answer is None else answer(call))

    upstream.on(handle)
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat(stream=stream, headers={"x-llm-edge-timeout-s": "0.5"}))
        await upstream.received(1)
        follower = asyncio.ensure_future(edge.chat(stream=stream))
        await joined(edge, 1)
        assert (await leader).status_code == 504
        answer = await follower
        assert (answer.status_code, answer.headers["x-llm-edge-cache"], answer.headers["x-llm-edge-provider"]) == (200, "miss", "openai")
        assert "x-llm-edge-cache-tier" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_a_followers_own_deadline_counts(upstream: Upstream, stream: bool) -> None:
    """It leaves with 504; the leader goes on."""
    go = asyncio.Event()

    async def slow(call: Call) -> None:
        await go.wait()
        await json_answer(chat("late"))(call)

    upstream.on(slow)
    async with running(settings(upstream.url)) as edge:
        leader = asyncio.ensure_future(edge.chat())
        await upstream.received(1)
        follower = await edge.chat(stream=stream, headers={"x-llm-edge-timeout-s": "0.2"})
        assert (follower.status_code, follower.json()["error"]["code"]) == (504, "upstream_timeout")
        go.set()
        assert (await leader).status_code == 200
        assert len(upstream.calls) == 1


async def test_a_stop_ends_a_stream_in_band(upstream: Upstream) -> None:
    """When grace is over: an error that says so, no `[DONE]`."""
    begun = asyncio.Event()

    async def hold(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        begun.set()
        await call.until_gone()

    upstream.on(hold)
    async with running(settings(upstream.url)) as edge:
        request = asyncio.ensure_future(edge.chat(stream=True))
        await begun.wait()
        await eventually(lambda: edge.gateway.metrics.active == 1)
        async with edge.client.stream(
            "POST", "/v1/chat/completions", json={"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        ) as other:
            lines = other.aiter_lines()
            await anext(lines)
            edge.gateway.lifecycle.force_end()
            rest = [line async for line in lines]
        assert any("shutting_down" in line for line in rest)
        answer = await request
        assert data_of(answer.text)[-1]["error"]["code"] == "shutting_down"
        assert "[DONE]" not in answer.text


async def test_a_stop_before_the_first_token_is_503(upstream: Upstream) -> None:
    """Nothing was shown: the client may ask another replica."""

    async def never(call: Call) -> None:
        await call.until_gone()

    upstream.on(never)
    async with running(settings(upstream.url)) as edge:
        request = asyncio.ensure_future(edge.chat(stream=True))
        await upstream.received(1)
        edge.gateway.lifecycle.force_end()
        answer = await request
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")


async def test_attempts_go_down_the_list() -> None:
    """The first target's failure is not the client's; headers tell who answered and how many tries it took."""
    config = one_provider(
        models={"m": {"strategy": "failover", "targets": [{"provider": "mine", "model": "a"}, {"provider": "mine", "model": "b"}]}}
    )
    async with in_process(json_reply({"error": {"message": "down"}}, 503), json_reply(chat()), config=config) as edge:
        answer = await edge.chat(model="m")
        assert (answer.status_code, answer.headers["x-llm-edge-model"], answer.headers["x-llm-edge-attempts"]) == (200, "b", "2")


async def test_one_dialects_answers_are_not_served_to_the_other() -> None:
    """Its bytes would be of the wrong shape."""
    async with in_process(lambda _: json_reply(chat("hello"))) as edge:
        await edge.chat("same")
        body = {"model": "gpt-4o-mini", "max_tokens": 5, "messages": [{"role": "user", "content": "same"}]}
        answer = await edge.client.post("/v1/messages", json=body)
        assert (answer.headers["x-llm-edge-cache"], answer.json()["content"][0]["text"]) == ("miss", "hello")


async def test_a_hit_makes_no_attempt() -> None:
    """And says so."""
    async with in_process(json_reply(chat())) as edge:
        await edge.chat()
        hit = await edge.chat()
        assert (hit.headers["x-llm-edge-attempts"], hit.headers["x-llm-edge-provider"], hit.headers["x-llm-edge-cache"]) == (
            "0",
            "cache",
            "hit",
        )


async def test_anthropics_answers_carry_no_metadata_of_ours() -> None:
    """Its SDK's types have no such field: headers tell it."""
    async with in_process(json_reply(chat("hello"))) as edge:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        answer = (await edge.client.post("/v1/messages", json=body)).json()
        assert {"metadata", "x_llm_edge"}.isdisjoint(answer)


async def test_an_uncacheable_request_bypasses() -> None:
    """Two such calls are two calls."""
    async with in_process(lambda _: stream_reply(chat_stream("a"))) as edge:
        for _ in range(2):
            answer = await edge.chat(stream=True, store=True)
            assert answer.headers["x-llm-edge-cache"] == "bypass"
        assert len(edge.sent) == 2


MESSAGE = {
    "id": "msg_01X",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "stop_sequence",
    "stop_sequence": "END",
    "usage": {"input_tokens": 3, "output_tokens": 4},
}


def anthropic(up: Upstream) -> Settings:
    return settings(providers={"claude": {"kind": "anthropic", "base_url": up.url, "api_keys": ["sk-1"]}})


async def test_losses_of_request_and_answer_are_told(upstream: Upstream) -> None:
    """Those of the answer as `response.…`; again with the stored answer, and to whoever asks for it as a stream."""
    upstream.on(json_answer(MESSAGE))
    async with running(anthropic(upstream)) as edge:
        for cache in ("miss", "hit"):
            answer = await edge.chat(seed=7)
            assert (answer.headers["x-llm-edge-cache"], answer.headers["x-llm-edge-dropped"]) == (cache, "seed,response.stop_sequence")
        streamed = await edge.chat(seed=7, stream=True)
        assert (streamed.headers["x-llm-edge-cache"], streamed.headers["x-llm-edge-dropped"]) == ("hit", "seed,response.stop_sequence")
        assert len(upstream.calls) == 1


async def test_a_strict_client_gets_no_stored_answer_that_lost_something(upstream: Upstream) -> None:
    """422 before any provider is called, though others have their answer from the cache."""
    upstream.on(json_answer(MESSAGE))
    async with running(anthropic(upstream)) as edge:
        await edge.chat(seed=7)
        assert (await edge.chat(seed=7)).headers["x-llm-edge-cache"] == "hit"
        refused = await edge.chat(seed=7, headers={"x-llm-edge-strict": "true"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (422, "seed")
        assert len(upstream.calls) == 1
        carried = await edge.chat("other", headers={"x-llm-edge-strict": "true"})
        assert (carried.status_code, carried.headers["x-llm-edge-dropped"]) == (200, "response.stop_sequence")


async def test_ids_have_the_form_of_the_client_s_dialect(upstream: Upstream) -> None:
    """The rest of the provider's stays, whole and streamed."""
    upstream.on(json_answer(MESSAGE))
    async with running(anthropic(upstream)) as edge:
        assert (await edge.chat(headers={"cache-control": "no-store"})).json()["id"] == "chatcmpl-01X"
    upstream.on(stream_answer(chat_stream("hello")))
    async with running(settings(upstream.url)) as edge:
        body = {"model": "gpt-4o", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        answer = await edge.client.post("/v1/messages", json=body)
        assert data_of(answer.text)[0]["message"]["id"] == "msg_up1"


async def test_a_follower_is_told_what_the_call_lost(upstream: Upstream) -> None:
    """Of a stream that it joined before its first content."""
    go = asyncio.Event()
    events = [
        b'event: message_start\ndata: {"type":"message_start","message":%b}\n\n'
        % json.dumps({**MESSAGE, "content": [], "stop_reason": None, "stop_sequence": None}).encode(),
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}\n\n',
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]

    async def handle(call: Call) -> None:
        await go.wait()
        await stream_answer(events)(call)

    upstream.on(handle)
    async with running(anthropic(upstream)) as edge:
        leader = asyncio.ensure_future(edge.chat(stream=True, seed=7))
        await upstream.received(1)
        follower = asyncio.ensure_future(edge.chat(stream=True, seed=7))
        await joined(edge, 1)
        go.set()
        for answer in (await leader, await follower):
            assert answer.headers["x-llm-edge-dropped"] == "seed"
        assert len(upstream.calls) == 1


async def test_a_fallback_that_loses_nothing_says_so(upstream: Upstream) -> None:
    """What an earlier attempt in another dialect would have lost is not told."""
    upstream.script(json_answer({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, 529), json_answer(chat()))
    providers = {
        "claude": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-1"]},
        "openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-2"]},
    }
    models = {"m": {"targets": [{"provider": "claude", "model": "claude-x"}, {"provider": "openai", "model": "gpt"}]}}
    async with running(settings(providers=providers, models=models)) as edge:
        answer = await edge.chat(model="m", seed=7)
        assert (answer.status_code, answer.headers["x-llm-edge-provider"]) == (200, "openai")
        assert "x-llm-edge-dropped" not in answer.headers


async def test_a_fault_of_ours_is_no_success_of_the_targets() -> None:
    """Nor a failure: nothing is counted, and nothing stays under way."""

    def broken(request: UpstreamRequest) -> Reply:
        raise ValueError("cannot be sent safely")

    async with in_process(broken) as edge:
        assert (await edge.chat()).status_code == 500
        stats = edge.gateway.state.pipeline.health.stats("mine/gpt-4o-mini")
        assert (stats.in_flight, stats.breaker.failures, stats.whole.value) == (0, 0, None)


async def test_what_a_try_tells_of_its_target(upstream: Upstream) -> None:
    """Streams their first token, whole answers their end, both their speed."""
    upstream.on(stream_answer(chat_stream("a", "b")))
    async with running(settings(upstream.url)) as edge:
        stats = edge.gateway.state.pipeline.health.stats("openai/gpt-4o-mini")
        await edge.chat(stream=True)
        assert stats.first_token.value is not None
        assert (stats.whole.value, stats.in_flight) == (None, 0)
        speed = stats.tokens_per_s
        assert speed is not None
        upstream.on(json_answer(chat()))
        await edge.chat("whole")
        assert stats.whole.value is not None
        assert stats.tokens_per_s != speed
