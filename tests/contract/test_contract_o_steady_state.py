"""Contract O: whatever requests meet, they leave nothing behind, and label sets stay bounded.

A few thousand requests here; `python -m benchmarks soak` makes the hundred thousand of the contract.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random
from typing import Any

import pytest

from proxy.app import Gateway, build_app
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, chat_body, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream

REQUESTS = 3000
CLIENTS = 16
ENDLESS = {"keys-last-used"}
"""Tasks that a gateway on static keys and records in memory has for as long as it runs."""
MODELS = {"gpt-4o-mini": {"targets": [{"provider": "openai"}]}}
LEARNT_MAX = 200


async def scripted(call: Call) -> None:
    """Does what the prompt's first word says."""
    body = call.json
    word = body["messages"][-1]["content"].split(" ", 1)[0]
    if word == "hang":
        await call.until_gone()
    elif word == "reset":
        call.reset()
    elif word == "refuse":
        await call.answer(400, {"error": {"message": "no", "type": "invalid_request_error", "code": None, "param": None}})
    elif word == "fail":
        await call.answer(500, {"error": {"message": "no", "type": "server_error", "code": None, "param": None}})
    elif not body.get("stream"):
        await call.answer(200, chat("hello"))
    elif word == "dribble":
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hello"}))
        await call.until_gone()
    else:
        await stream(call, word)


async def stream(call: Call, word: str) -> None:
    await call.begin_stream()
    events = chat_stream("one ", "two ", "three")
    for event in events[: 3 if word == "cut" else None]:
        if word == "slow":
            await asyncio.sleep(0.002)
        await call.chunk(event)
    if word == "cut":
        call.close()
    else:
        await call.end_stream()


class Mix:
    """Every kind of ending, as coroutines by name; `seen` counts statuses by kind (0: none came)."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self.seen: Counter[tuple[str, int]] = Counter()
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "new": lambda: self.whole("new", f"say {self.number}"),
            "hit": lambda: self.whole("hit", f"say again {self.number % 5}"),
            "stream": lambda: self.whole("stream", f"say {self.number}", stream=True),
            "stream hit": lambda: self.whole("stream hit", f"say again {self.number % 5}", stream=True),
            "followers": self.followers,
            "refused": lambda: self.whole("refused", f"refuse {self.number}"),
            "failed": lambda: self.whole("failed", f"fail {self.number}"),
            "reset": lambda: self.whole("reset", f"reset {self.number}"),
            "cut": lambda: self.whole("cut", f"cut {self.number}", stream=True),
            "unknown": lambda: self.whole("unknown", "say", model=f"model-{self.number}"),
            "malformed": lambda: self.send("malformed", b'{"model": '),
            "stranger": lambda: self.send("stranger", b"{}", key="wrong"),
            "time-out": lambda: self.whole("time-out", f"hang {self.number}", extra="x-llm-edge-timeout-s: 0.05\r\n"),
            "left before": lambda: self.leave("left before", f"hang {self.number}"),
            "left within": lambda: self.leave("left within", f"dribble {self.number}", stream=True, until=b"hello"),
        }

    @property
    def number(self) -> int:
        return next(self._numbers)

    async def whole(self, kind: str, text: str, *, extra: str = "", **more: Any) -> None:
        await self.send(kind, json.dumps(chat_body(text, **more)).encode(), extra=extra)

    async def followers(self) -> None:
        """Four that ask for the same stream; the last leaves after its first bytes."""
        text = f"slow {self.number}"
        await asyncio.gather(
            *(self.whole("followers", text, stream=True) for _ in range(3)), self.leave("left following", text, stream=True, until=b"one")
        )

    async def send(self, kind: str, body: bytes, *, key: str = KEY, extra: str = "") -> None:
        reader, writer = await self._begin(body, key, extra + "connection: close\r\n")
        try:
            answer = await reader.read(-1)
        finally:
            writer.close()
        self.seen[kind, int(answer[9:12] or b"0")] += 1

    async def leave(self, kind: str, text: str, *, until: bytes | None = None, **more: Any) -> None:
        """Reset the connection once `until` was read, or soon after asking."""
        reader, writer = await self._begin(json.dumps(chat_body(text, **more)).encode(), KEY, "")
        if until is not None:
            await reader.readuntil(until)
        else:
            await asyncio.sleep(0.002)
        writer.transport.abort()
        self.seen[kind, 0] += 1

    async def _begin(self, body: bytes, key: str, extra: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n{extra}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer


async def run(mix: Mix, upstream: Upstream, requests: int, seed: int) -> None:
    """`requests` of all kinds in a random order that is the same every time."""
    rng = Random(seed)
    kinds = sorted(mix.kinds)
    order = iter([rng.choice(kinds) for _ in range(requests)])

    async def client() -> None:
        for kind in order:
            async with asyncio.timeout(20):
                await mix.kinds[kind]()
            upstream.calls.clear()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def held(edge: Running) -> dict[str, Any]:
    """What requests may leave behind, in numbers that are zero or constant when they leave nothing."""
    state = edge.gateway.state
    stats = state.pipeline.providers["openai"].transport.stats()
    return {
        "tasks": set(state.tasks.names()) - ENDLESS,
        "requests": state.in_flight.requests,
        "active": edge.gateway.metrics.active,
        "flights": len(state.pipeline.flights),
        "in use": stats.in_use,
        "files": len(os.listdir("/proc/self/fd")) - 2 * stats.open,
        "pending": len(asyncio.all_tasks()) - stats.open,
    }


async def test_nothing_is_left_behind() -> None:
    """Tasks, sockets, flights and claims are what they were before, after errors, disconnects, time-outs, hits, streams and joins."""
    async with Upstream() as upstream:
        upstream.on(scripted)
        config = settings(upstream.url, models=MODELS, routing={"retries": {"attempts": 1}}, cache={"l1": {"max_entries": 200}})
        async with running(config) as edge:
            mix = Mix(int(edge.url.rpartition(":")[2]))
            await run(mix, upstream, 200, seed=1)
            await eventually(lambda: not any(list(held(edge).values())[:5]))
            before = held(edge)
            await run(mix, upstream, REQUESTS, seed=2)
            await eventually(lambda: held(edge) == before)
            assert {kind for kind, _ in mix.seen} == {*mix.kinds, "left following"}
            statuses = {kind: {status for k, status in mix.seen if k == kind} for kind, _ in mix.seen}
            assert statuses == {
                **{kind: {200} for kind in ("new", "hit", "stream", "stream hit", "followers", "cut")},
                **{kind: {0} for kind in ("left before", "left within", "left following")},
                **{"refused": {400}, "malformed": {400}, "stranger": {401}, "unknown": {404}, "failed": {500}, "reset": {502}, "time-out": {504}},
            }


async def ask(gateway: Gateway, path: str, body: dict[str, Any]) -> int:
    """The status of a request made in process."""
    raw = json.dumps(body).encode()
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"x-api-key", KEY.encode()), (b"content-length", b"%d" % len(raw))]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    await gateway(scope, receive, send)
    return statuses[0]


def label_values(gateway: Gateway) -> tuple[set[str], int]:
    """(values of all model labels, number of series)."""
    samples = gateway.metrics.snapshot()
    models = {s.labels[1] for s in samples if s.family == "llm_edge_provider_latency_seconds"}
    return models | {s.labels[2] for s in samples if s.family == "llm_edge_requests_total"}, len(samples)


@pytest.mark.parametrize(
    ("models", "status", "most"),
    [({}, 200, LEARNT_MAX), ({"echo-*": {"targets": [{"provider": "echo"}]}}, 404, 0), ({"m*": {"targets": [{"provider": "echo"}]}}, 200, LEARNT_MAX)],
    ids=["no table", "not in the table", "by a pattern"],
)
async def test_invented_model_names_do_not_become_series(models: dict[str, Any], status: int, most: int) -> None:
    """10 000 of them: those that clients may invent are kept up to a bound, the rest are `other`; the listed name has its own."""
    gateway = build_app(settings(models=models, cache={"enabled": False}))
    async with gateway.lifespan():
        for n in range(10_000):
            assert await ask(gateway, "/v1/chat/completions", chat_body(model=f"m{n}")) == status
        assert await ask(gateway, "/v1/chat/completions", chat_body(model="echo")) in (200, 404)
        values, series = label_values(gateway)
        assert len(values - {"other", "none", "echo"}) <= most
        assert {"other", "echo"} <= values
        assert series < 200 + 14 * (most + 10)


async def test_invented_paths_do_not_become_series() -> None:
    """1000 of them are at most one route."""
    gateway = build_app(settings())
    async with gateway.lifespan():
        for n in range(1000):
            assert await ask(gateway, f"/path/{n}", {}) == 404
        routes = {s.labels[0] for s in gateway.metrics.snapshot() if s.family == "llm_edge_requests_total"}
        assert len(routes) <= 1
