"""Contract L, same dialect: what leaves is the parsed body re-serialised; the answer's bytes pass but for `metadata`.

The cross-dialect state machine is in the codecs' own test_contract_l_*; more dialects come with part 2.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from proxy.settings import Settings
from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream, failing, json_answer, stream_answer


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


async def test_unknown_fields_survive_and_absent_ones_stay_absent(upstream: Upstream) -> None:
    """Equal as JSON but for the model."""
    upstream.on(json_answer(chat()))
    body: dict[str, Any] = {
        "model": "alias",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "é \u2028 😀"}], "x_unknown": {"a": [1, 2.5, None, True]}}],
        "vendor_thing": {"deep": [[[]]], "n": 9007199254740993, "max": 18446744073709551615, "min": -9223372036854775808},
        "temperature": 0.70,
    }
    config = settings(upstream.url, models={"alias": {"targets": [{"provider": "openai", "model": "real"}]}})
    async with running(config) as edge:
        assert (await edge.client.post("/v1/chat/completions", json=body)).status_code == 200
    assert upstream.calls[0].json == body | {"model": "real"}


async def test_streams_ask_for_usage_and_hide_the_extra_chunk(upstream: Upstream) -> None:
    """`stream_options.include_usage` is added; the client sees the chunk only if it asked."""
    upstream.on(stream_answer(chat_stream("a")))
    async with running(settings(upstream.url)) as edge:
        plain = await edge.chat("1", stream=True)
        asked = await edge.chat("2", stream=True, stream_options={"include_usage": True, "include_obfuscation": False})
    assert upstream.calls[0].json["stream_options"] == {"include_usage": True}
    assert upstream.calls[1].json["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert '"usage"' not in plain.text
    assert '"usage"' in asked.text


async def test_the_answers_bytes_pass(upstream: Upstream) -> None:
    """Spacing, order, escapes and unknown fields stay; only `metadata` is added at the end."""
    choice = b'{"index":0,"message":{"role":"assistant","content":"\\u00e9"},"finish_reason":"stop"}'
    raw = b'{ "id":"c1","object" :"chat.completion","zzz":1.50,"choices":[' + choice + b'],"aaa":{} }'
    upstream.on(json_answer(raw))
    async with running(settings(upstream.url)) as edge:
        got = (await edge.chat()).content
        assert got.startswith(raw[:-2] + b',"metadata":{')
        assert orjson.loads(got)["metadata"]["provider"] == "openai"


async def test_an_upstreams_own_metadata_is_kept(upstream: Upstream) -> None:
    """Ours is `x_llm_edge` then."""
    upstream.on(json_answer(chat(metadata={"own": "1"})))
    async with running(settings(upstream.url)) as edge:
        for _ in range(2):
            body = (await edge.chat()).json()
            assert body["metadata"] == {"own": "1"}
            assert "cached" in body["x_llm_edge"]


async def test_metadata_can_be_turned_off(upstream: Upstream) -> None:
    """Byte for byte then."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url, server={"body_metadata": False})) as edge:
        assert "metadata" not in (await edge.chat()).json()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"seed":18446744073709551616}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"n":1e999}',
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"model":"m","messages":[{"role":"user","content":"x"},]}',
        b"[]",
        b"",
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
    ],
)
async def test_what_cannot_be_judged_is_400(upstream: Upstream, raw: bytes) -> None:
    """Numbers beyond 64 bits, lone surrogates, depth, broken JSON and encoding: nothing reaches the provider."""
    upstream.on(json_answer(chat()))
    async with running(settings(upstream.url)) as edge:
        answer = await edge.client.post("/v1/chat/completions", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]
    assert not upstream.calls


async def test_duplicate_keys_collapse(upstream: Upstream) -> None:
    """What was judged is what is sent."""
    upstream.on(json_answer(chat()))
    raw = b'{"model":"evil","messages":[{"role":"user","content":"x"}],"model":"gpt-4o"}'
    async with running(settings(upstream.url)) as edge:
        await edge.client.post("/v1/chat/completions", content=raw, headers={"content-type": "application/json"})
    assert upstream.calls[0].body.count(b'"model"') == 1
    assert upstream.calls[0].json["model"] == "gpt-4o"


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "model": "c",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def at_anthropic(upstream: Upstream) -> Settings:
    return settings(providers={"anthropic": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["sk-ant-1234567890"]}})


async def test_a_stored_answer_says_what_was_dropped(upstream: Upstream) -> None:
    """A hit is as honest as the call that made it, and no answer to a strict client."""
    upstream.on(json_answer(MESSAGE))
    async with running(at_anthropic(upstream)) as edge:
        for cached in ("miss", "hit"):
            answer = await edge.chat(model="claude-x", seed=7)
            assert (answer.headers["x-llm-edge-cache"], answer.headers["x-llm-edge-dropped"]) == (cached, "seed")
        strict = await edge.chat(model="claude-x", seed=7, headers={"x-llm-edge-strict": "true"})
        assert strict.status_code == 422
    assert len(upstream.calls) == 1


def joins(edge: Running) -> float:
    return sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_single_flight_joins_total")


async def test_a_follower_learns_what_its_leaders_call_drops(upstream: Upstream) -> None:
    """As if it had made the call."""
    go = asyncio.Event()

    async def slow(call: Call) -> None:
        await go.wait()
        await call.answer(200, MESSAGE)

    upstream.on(slow)
    async with running(at_anthropic(upstream)) as edge:
        asked = [asyncio.ensure_future(edge.chat(model="claude-x", seed=7)) for _ in range(2)]
        await eventually(lambda: joins(edge) == 1)
        go.set()
        assert [(await one).headers["x-llm-edge-dropped"] for one in asked] == ["seed", "seed"]
    assert len(upstream.calls) == 1


async def test_a_follower_of_a_stream_learns_it_too(upstream: Upstream) -> None:
    """Its head goes out before there is an answer to read it from."""
    go = asyncio.Event()
    start = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
    told: list[dict[str, Any]] = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    events = [b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in told]

    async def slow(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(b"".join(events[:3]))
        await go.wait()
        await call.chunk(b"".join(events[3:]))
        await call.end_stream()

    upstream.on(slow)
    async with running(at_anthropic(upstream)) as edge:
        asked = [asyncio.ensure_future(edge.chat(model="claude-x", seed=7, stream=True)) for _ in range(2)]
        await eventually(lambda: joins(edge) == 1)
        go.set()
        assert [(await one).headers["x-llm-edge-dropped"] for one in asked] == ["seed", "seed"]
    assert len(upstream.calls) == 1


async def test_betas_of_another_api_are_lost(upstream: Upstream) -> None:
    """A header that only Anthropic knows is reported like a field."""
    upstream.on(json_answer(chat()))
    body = {"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with running(settings(upstream.url)) as edge:
        lax = await edge.client.post("/v1/messages", json=body, headers={"anthropic-beta": "context-1m-2025-08-07"})
        assert (lax.status_code, lax.headers["x-llm-edge-dropped"]) == (200, "anthropic-beta")
        strict = {"anthropic-beta": "context-1m-2025-08-07", "x-llm-edge-strict": "true"}
        assert (await edge.client.post("/v1/messages", json=body, headers=strict)).status_code == 422
        assert "x-llm-edge-dropped" not in (await edge.client.post("/v1/messages", json=body)).headers


async def test_what_one_target_drops_is_forgotten_at_the_next(upstream: Upstream) -> None:
    """The answer came from one that could carry all."""
    upstream.script(failing(500), json_answer(chat()))
    providers = {
        "anthropic": {"kind": "anthropic", "base_url": upstream.url, "api_keys": ["k"]},
        "openai": {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["k"]},
    }
    targets = [{"provider": "anthropic", "model": "claude-x"}, {"provider": "openai", "model": "gpt-4o"}]
    async with running(settings(providers=providers, models={"both": {"targets": targets}})) as edge:
        answer = await edge.chat(model="both", seed=7)
    assert (answer.status_code, answer.headers["x-llm-edge-provider"]) == (200, "openai")
    assert "x-llm-edge-dropped" not in answer.headers


async def test_what_a_translation_drops_is_said(upstream: Upstream) -> None:
    """JSON paths in a header; 422 listing them in strict mode, before any call."""
    upstream.on(json_answer(MESSAGE))
    async with running(at_anthropic(upstream)) as edge:
        answer = await edge.chat(model="claude-x", seed=7, logit_bias={"1": 1})
        assert answer.status_code == 200
        assert set(answer.headers["x-llm-edge-dropped"].split(",")) >= {"seed", "logit_bias"}
        strict = await edge.chat("other", model="claude-x", seed=7, headers={"x-llm-edge-strict": "true"})
        assert strict.status_code == 422
        assert "seed" in strict.json()["error"]["message"]
    assert len(upstream.calls) == 1
