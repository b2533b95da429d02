"""Contract C, limits toward providers: no key of a pool gets more calls than it may have; another key takes over, then another target, then
the target's queue, then the request is refused with Retry-After. On real sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer

KEYS = ("sk-one-0123456789", "sk-two-0123456789", "sk-three-0123456789")


class Provider:
    """Counts calls by key. Answers when it is told to; `refuses`: keys that get a status instead."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.refuses: dict[str, int] = {}
        self.answers: Callable[[Call], Any] = json_answer(chat("ok"))

    async def __call__(self, call: Call) -> None:
        key = call.headers["authorization"].removeprefix("Bearer ")
        self.calls[key] += 1
        self.inside[key] += 1
        self.most[key] = max(self.most[key], self.inside[key])
        try:
            await self.go.wait()
        finally:
            self.inside[key] -= 1
        if key in self.refuses:
            await call.answer(self.refuses[key], {"error": {"message": "no"}})
        else:
            await self.answers(call)

    @property
    def total(self) -> int:
        return sum(self.inside.values())


@asynccontextmanager
async def limited(
    limits: dict[str, Any] | None, *targets: dict[str, Any], keys: int = 2, more: bool = False, **entry: Any
) -> AsyncIterator[tuple[Running, Provider, Provider]]:
    """Provider `pool` with bounded keys; `more`: also a target at `other`, whose key is not bounded."""
    pool, other = Provider(), Provider()
    async with Upstream() as one, Upstream() as two:
        one.on(pool)
        two.on(other)
        providers = {
            "pool": {"kind": "openai_compatible", "base_url": one.url, "api_keys": KEYS[:keys], "key_limits": limits},
            "other": {"kind": "openai_compatible", "base_url": two.url, "api_keys": KEYS[2:]},
        }
        listed = [{"provider": "pool", "model": "m", **target} for target in targets or ({},)]
        listed += [{"provider": "other", "model": "m"}] if more else []
        config = settings(
            providers=providers,
            models={"m": {"strategy": "failover", "targets": listed, **entry}, "n": {"targets": [{"provider": "pool", "model": "n"}]}},
            cache={"enabled": False},
        )
        async with running(config) as edge:
            yield edge, pool, other
            await eventually(lambda: held(edge) == 0)


def held(edge: Running) -> int:
    return sum(edge.gateway.state.pipeline.health.key_calls("pool").values())


def waiting(edge: Running) -> int:
    gate = edge.gateway.state.pipeline.routes.resolve("m").targets[0].gate
    return 0 if gate is None else gate.waiting


def asked(edge: Running, count: int, *, model: str = "m", **body: Any) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(edge.chat(f"q{n}", model=model, **body)) for n in range(count)]


async def test_a_key_at_its_limit_is_passed_over_for_another() -> None:
    """Also the conversation's own: each key gets as many as it may have, over all models of the provider."""
    async with limited({"concurrency": 2}) as (edge, pool, _):
        same = [asyncio.create_task(edge.chat("the same", model=model)) for model in "mnmn"]
        await eventually(lambda: pool.total == 4)
        assert dict(pool.inside) == {KEYS[0]: 2, KEYS[1]: 2}
        refused = await edge.chat("more", model="n")
        assert (refused.status_code, refused.json()["error"]["code"], int(refused.headers["retry-after"]) >= 1) == (
            503,
            "targets_busy",
            True,
        )
        pool.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*same)} == {200}
        assert sum(pool.calls.values()) == 4


async def test_a_conversation_keeps_its_key_while_that_has_room() -> None:
    """As without limits."""
    async with limited({"concurrency": 2}) as (edge, pool, _):
        pool.go.set()
        for _ in range(4):
            await edge.chat("the same", model="m")
        assert sorted(pool.calls.values()) == [4]


async def test_when_all_keys_are_full_another_target_goes_first() -> None:
    """And it costs no try."""
    async with limited({"concurrency": 1}, more=True) as (edge, pool, other):
        tasks = asked(edge, 5)
        await eventually(lambda: (pool.total, other.total) == (2, 3))
        pool.go.set()
        other.go.set()
        assert {answer.headers["x-llm-edge-attempts"] for answer in await asyncio.gather(*tasks)} == {"1"}


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
async def test_refused_in_the_clients_dialect(dialect: str) -> None:
    """With Retry-After, like a target that is full."""
    message = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    path, body = {
        "openai": ("/v1/chat/completions", message),
        "anthropic": ("/v1/messages", message),
        "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    }[dialect]
    async with limited({"concurrency": 1}) as (edge, pool, _):
        tasks = asked(edge, 2)
        await eventually(lambda: pool.total == 2)
        refused = await edge.client.post(path, json=body)
        error = refused.json()["error"]
        assert refused.status_code in (503, 529)
        assert int(refused.headers["retry-after"]) >= 1
        assert {"openai": error.get("code"), "anthropic": error.get("type"), "gemini": error.get("status")}[dialect] == {
            "openai": "targets_busy",
            "anthropic": "overloaded_error",
            "gemini": "UNAVAILABLE",
        }[dialect]
        pool.go.set()
        await asyncio.gather(*tasks)


async def test_a_targets_queue_is_one_for_its_keys() -> None:
    """Bounded in length and time; who waits gets the first key that has room, also one that another model's call gives back."""
    async with limited({"concurrency": 1}, {"queue": 2, "queue_wait_s": 30}, keys=1) as (edge, pool, _):
        tasks = asked(edge, 1, model="n")
        await eventually(lambda: pool.total == 1)
        tasks += asked(edge, 2)
        await eventually(lambda: waiting(edge) == 2)
        assert (await edge.chat("too many", model="m")).status_code == 503
        pool.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
        assert (pool.most[KEYS[0]], pool.calls[KEYS[0]]) == (1, 3)
    async with limited({"concurrency": 1}, {"queue": 2, "queue_wait_s": 0.05}, keys=1) as (edge, pool, _):
        tasks = asked(edge, 1)
        await eventually(lambda: pool.total == 1)
        assert (await edge.chat("too long", model="m")).status_code == 503
        pool.go.set()
        await asyncio.gather(*tasks)


async def test_calls_a_minute_are_bounded_for_each_key() -> None:
    """Over all models; the rest goes elsewhere."""
    async with limited({"rpm": 2}, more=True) as (edge, pool, other):
        pool.go.set()
        other.go.set()
        await edge.chat("another model's", model="n")
        served = [(await edge.chat(f"q{n}", model="m")).headers["x-llm-edge-provider"] for n in range(5)]
        assert served == ["pool"] * 3 + ["other"] * 2
        assert dict(pool.calls) == {KEYS[0]: 2, KEYS[1]: 2}


async def test_a_key_that_rests_is_not_taken_for_one_that_is_full() -> None:
    """The other is full and this one was refused: the target is full."""
    async with limited({"concurrency": 1}, more=True) as (edge, pool, other):
        pool.go.set()
        other.go.set()
        pool.refuses[KEYS[1]] = 401
        for n in range(8):  # until the second key was met, and refused
            await edge.chat(f"q{n}", model="m")
        assert pool.calls[KEYS[1]] == 1
        pool.go.clear()
        tasks = asked(edge, 1)
        await eventually(lambda: pool.inside[KEYS[0]] == 1)
        assert (await edge.chat("more", model="m")).headers["x-llm-edge-provider"] == "other"
        pool.go.set()
        await asyncio.gather(*tasks)
        assert pool.calls[KEYS[1]] == 1


async def test_a_refused_key_gives_its_place_back_to_the_next_try() -> None:
    """Another key within the same request, as without limits."""
    async with limited({"concurrency": 1}) as (edge, pool, _):
        pool.go.set()
        pool.refuses[KEYS[0]] = 429
        answers = [await edge.chat(f"q{n}", model="m") for n in range(8)]
        assert {answer.status_code for answer in answers} == {200}
        assert dict(pool.calls) == {KEYS[0]: 1, KEYS[1]: 8}


async def test_places_come_back_on_every_way_out() -> None:
    """Errors, clients that leave before and inside streams, streams that end and that break off (`limited` looks at the end)."""
    async with limited({"concurrency": 2}, {"queue": 2, "queue_wait_s": 30}) as (edge, pool, _):
        pool.go.set()
        pool.refuses = dict.fromkeys(KEYS, 400)
        assert (await edge.chat("refused", model="m")).status_code == 400
        pool.refuses = {}
        pool.answers = broken_stream
        assert b"error" in (await edge.chat("broken", model="m", stream=True)).content
        pool.answers = whole_stream
        assert (await edge.chat("whole", model="m", stream=True)).content.endswith(b"data: [DONE]\n\n")
        pool.go.clear()
        tasks = asked(edge, 6, stream=True)
        await eventually(lambda: (pool.total, waiting(edge)) == (4, 2))
        for task in tasks:
            task.cancel()
        await eventually(lambda: held(edge) == 0)
        pool.answers = endless_stream
        pool.go.set()
        async with edge.client.stream("POST", "/v1/chat/completions", json=streaming("left inside")) as response:
            async for _ in response.aiter_lines():
                break
            assert held(edge) == 1


def streaming(text: str) -> dict[str, Any]:
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}


async def whole_stream(call: Call) -> None:
    await call.begin_stream()
    for event in chat_stream("a", "b"):
        await call.chunk(event)
    await call.end_stream()


async def broken_stream(call: Call) -> None:
    await call.begin_stream()
    for event in chat_stream("a", "b")[:3]:
        await call.chunk(event)
    call.reset()


async def endless_stream(call: Call) -> None:
    await call.begin_stream()
    while True:
        await call.chunk(chat_stream("a")[1])
        await asyncio.sleep(0.01)


async def test_hedges_take_and_give_back_keys() -> None:
    """The winner's and the loser's; a hedge for which no key has room is not made."""
    hedge = {"after_s": 0.02, "share": 1, "streams_only": False}
    async with limited({"concurrency": 1}, {"model": "slow"}, {"model": "fast"}, hedge=hedge, keys=2) as (edge, pool, _):
        pool.answers = json_answer(chat("ok"))
        (task,) = asked(edge, 1)
        await eventually(lambda: pool.total == 2)  # both its keys
        refused = await edge.chat("no room", model="m")
        assert refused.status_code == 503
        pool.go.set()
        assert (await task).status_code == 200
        assert max(pool.most.values()) == 1
    async with limited({"concurrency": 1}, {"model": "slow"}, {"model": "fast"}, hedge=hedge, keys=1) as (edge, pool, _):
        (task,) = asked(edge, 1)
        await eventually(lambda: edge.gateway.metrics.counters["llm_edge_hedges_withheld_total", "m", "no_target"] == 1)
        pool.go.set()
        assert (await task).status_code == 200
        assert dict(pool.calls) == {KEYS[0]: 1}


@pytest.mark.parametrize("leaving", [0, 40])
async def test_never_above_the_limit_under_load(leaving: int) -> None:
    """Answers, errors and broken streams in any mixture; with clients that leave, too, all places are there again at the end. (The upstream
    learns of those a moment after the gateway, so what it sees then is no measure.)"""
    rng = Random(7)
    async with limited({"concurrency": 3}, {"queue": 20, "queue_wait_s": 5}, keys=3, more=True, retries={"attempts": 3}) as (
        edge,
        pool,
        other,
    ):
        pool.go.set()
        other.go.set()

        async def mixed(call: Call) -> None:
            key = call.headers["authorization"].removeprefix("Bearer ")
            pool.inside[key] += 1
            pool.most[key] = max(pool.most[key], pool.inside[key])
            try:
                await asyncio.sleep(rng.random() * 0.02)
                kind = rng.random()
                if kind < 0.1:
                    await call.answer(500, {"error": {"message": "no"}})
                elif call.json.get("stream"):
                    await (broken_stream if kind < 0.2 else whole_stream)(call)
                else:
                    await json_answer(chat("ok"))(call)
            finally:
                pool.inside[key] -= 1

        pool.answers = mixed
        tasks = [asyncio.create_task(edge.chat(f"q{n}", model="m" if n % 3 else "n", stream=n % 2 == 1)) for n in range(200)]
        for task in rng.sample(tasks, leaving):
            await asyncio.sleep(0.002)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(pool.most) == set(KEYS)
        assert max(pool.most.values()) == 3 or leaving


@asynccontextmanager
async def one_key(kind: str, model: str, **limits: int) -> AsyncIterator[tuple[Running, "Slow"]]:
    slow = Slow()
    async with Upstream() as up:
        up.on(slow)
        provider = {"kind": kind, "base_url": up.url, "api_keys": KEYS[:1], "key_limits": limits}
        config = settings(
            providers={"pool": provider}, models={"m": {"targets": [{"provider": "pool", "model": model}]}}, cache={"enabled": False}
        )
        async with running(config) as edge:
            yield edge, slow
            await eventually(lambda: held(edge) == 0)


class Slow:
    """Each call takes a while."""

    answer: Any

    def __init__(self) -> None:
        self.inside = self.most = self.calls = 0
        self.go = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.01)
        await self.go.wait()
        self.inside -= 1
        await call.answer(200, self.answer)


async def test_embeddings_in_several_calls_keep_to_the_keys_limit() -> None:
    """Fewer at a time than else, over all requests."""
    async with one_key("bedrock", "amazon.titan-embed-text-v2:0", concurrency=3) as (edge, slow):
        slow.answer, body = {"embedding": [1.0], "inputTextTokenCount": 1}, {"model": "m", "input": [f"t{n}" for n in range(12)]}
        slow.go.set()
        answers = await asyncio.gather(*(edge.client.post("/v1/embeddings", json=body) for _ in range(3)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert answers[0].status_code == 200
        assert (slow.most, slow.calls % 12) == (3, 0)


async def test_choices_that_are_calls_of_their_own_all_count() -> None:
    """They go out together; nobody else's goes before all are over."""
    async with one_key("anthropic", "claude", concurrency=2) as (edge, slow):
        usage = {"input_tokens": 1, "output_tokens": 1}
        slow.answer = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": "ok"}],
            "stop_reason": "end_turn",
            "usage": usage,
        }
        task = asyncio.create_task(edge.chat("three", model="m", n=3))
        await eventually(lambda: slow.inside == 3)
        assert (held(edge), (await edge.chat("more", model="m")).status_code) == (3, 503)
        slow.go.set()
        assert len((await task).json()["choices"]) == 3


async def test_the_gauge_shows_calls_by_the_keys_place() -> None:
    """Never the key. A provider without limits has none."""
    async with limited({"concurrency": 2}) as (edge, pool, _):
        tasks = asked(edge, 4)
        await eventually(lambda: pool.total == 4)
        shown = {s.labels: s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_key_in_flight"}
        assert shown == {("pool", "0"): 2.0, ("pool", "1"): 2.0}
        pool.go.set()
        await asyncio.gather(*tasks)


async def test_without_limits_there_is_no_gate_at_all() -> None:
    """Nothing to pay for: also for a target with a queue."""
    async with limited(None, {"queue": 5}) as (edge, pool, _):
        pool.go.set()
        assert edge.gateway.state.pipeline.routes.resolve("m").targets[0].gate is None
        assert edge.gateway.state.pipeline.routes.resolve("pool/x").targets[0].gate is None
        assert (await edge.chat("hi", model="m")).status_code == 200
