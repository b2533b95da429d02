"""Two gateways on sockets of their own, in the test's loop, with nothing in common but a Redis and a scripted upstream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from proxy.storage.hot.cluster import RedisClusterHot
from proxy.storage.hot.redis import RedisHot
from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream


@asynccontextmanager
async def two(upstream: Upstream, redis_url: str, **more: Any) -> AsyncIterator[tuple[Running, Running]]:
    """Patient with Redis: the machine is slow, not the server."""
    cache = {"l2": {"op_timeout_ms": 5000}, **more.pop("cache", {})}
    config = settings(upstream.url, stores={"redis": redis_url}, cache=cache, **more)
    async with running(config) as one, running(config) as other:
        for edge in (one, other):
            await connected(edge)
        yield one, other
        for edge in (one, other):
            await edge.idle()
            await idle(edge)


async def connected(edge: Running) -> None:
    """To Redis: on a busy machine the start has gone on without it, and nothing is shared before."""
    hot = edge.gateway.state.hot
    assert isinstance(hot, (RedisHot, RedisClusterHot))
    await eventually(lambda: hot.connected)


def shared(edge: Running) -> int:
    flights = edge.gateway.state.pipeline.flights.shared
    return 0 if flights is None else len(flights)


async def idle(edge: Running) -> None:
    await eventually(lambda: not shared(edge))


def total(edge: Running, family: str) -> float:
    return sum(s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == f"llm_edge_single_flight_{family}_total")


async def joined(edge: Running, n: int = 1) -> None:
    await eventually(lambda: total(edge, "remote_joins") >= n)


class Gated:
    """An upstream that sends a beginning, waits, and then the rest, in whichever form it is asked for."""

    def __init__(self, upstream: Upstream, *events: bytes, whole: Any = None) -> None:
        self.asked, self.release, self.gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._events = events or tuple(chat_stream("hel", "lo")[1:])
        self._whole = chat() if whole is None else whole
        upstream.on(self._handle)

    async def _handle(self, call: Call) -> None:
        stream = call.json.get("stream")
        if stream:
            await call.begin_stream()
            await call.chunk(self._events[0])
        self.asked.set()
        watching, waiting = asyncio.ensure_future(call.until_gone()), asyncio.ensure_future(self.release.wait())
        await asyncio.wait({watching, waiting}, return_when="FIRST_COMPLETED")
        if watching.done():
            waiting.cancel()
            self.gone.set()
            return
        watching.cancel()
        await asyncio.wait({watching})
        if not stream:
            await call.answer(200, self._whole)
            return
        for event in self._events[1:]:
            await call.chunk(event)
        await call.end_stream()
