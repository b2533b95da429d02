"""A gateway with an entry `m` of two targets, each a scripted upstream of its own: `a/one` first, then `b/two`, with prices.

async with two_targets(hedge={"after_s": 0.05}) as pair:
    pair.a.on(silent(pair)); pair.b.on(stream_answer(chat_stream("hello")))
    answer = await pair.chat(stream=True)
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2

from proxy.settings import Settings
from tests.support.access_log import Books
from tests.support.gateway import Running, running, settings
from tests.support.upstream import Call, Handler, Upstream, failing

PRICES: dict[str, Any] = {"a/one": {"input": 1, "output": 10}, "b/two": {"input": 2, "output": 20}}
"""USD per million tokens: 1000 nano-USD an input token of the first, and so on."""


class Pair:
    """`left`: of which upstream the gateway has closed connections, in order."""

    def __init__(self, edge: Running, a: Upstream, b: Upstream, books: Books) -> None:
        self.edge = edge
        self.a = a
        self.b = b
        self._books = books

    async def chat(self, text: str = "hi", **body: Any) -> httpx2.Response:
        return await self.edge.chat(text, model="m", **body)

    async def lines(self) -> list[dict[str, Any]]:
        """Of the access log."""
        return await self._books.lines(self.edge)

    def counted(self, family: str, *labels: str) -> float:
        """A counter; without labels the sum over all."""
        samples = self.edge.gateway.metrics.snapshot()
        return sum(s.values[0] for s in samples if s.family == family and (not labels or s.labels == labels))

    async def settled(self) -> None:
        """Until every request has ended, and nothing of a try is left behind."""
        await self.edge.idle()
        state = self.edge.gateway.state
        assert "hedged-try" not in state.tasks.names()
        for one in ("a/one", "b/two"):
            assert state.pipeline.health.stats(one).in_flight == 0


def config_of(
    a: str,
    b: str,
    *,
    kinds: tuple[str, str],
    entry: dict[str, Any],
    dialects: dict[str, dict[str, Any]] | None = None,
    **sections: Any,
) -> Settings:
    """`a`, `b`: base URLs; `dialects`: provider → more of its settings; `sections`: more of the configuration."""
    own = dialects or {}
    return settings(
        providers={
            name: {
                "kind": kind,
                "base_url": f"{url}/v1" if kind == "openai" else url,
                "api_keys": [f"sk-{name}-1234567890"],
                **_region(kind),
                **own.get(name, {}),
            }
            for name, kind, url in (("a", kinds[0], a), ("b", kinds[1], b))
        },
        models={
            "m": {
                "strategy": "failover",
                "targets": [{"provider": "a", "model": "one"}, {"provider": "b", "model": "two"}],
                "retries": {"attempts": 2, "backoff_base_s": 0.01},
                **entry,
            }
        },
        prices=PRICES,
        **sections,
    )


@asynccontextmanager
async def two_targets(
    kinds: tuple[str, str] = ("openai", "openai"), *, dialects: dict[str, dict[str, Any]] | None = None, **entry: Any
) -> AsyncIterator[Pair]:
    """`kinds`: of the providers; `dialects`: provider → more of its settings; `entry`: of the entry `m`."""
    books = Books()
    async with AsyncExitStack() as stack:
        a, b = await stack.enter_async_context(Upstream()), await stack.enter_async_context(Upstream())
        for up in (a, b):
            up.on(failing(500, "not in the test's script"))  # and counted
        config = config_of(a.url, b.url, kinds=kinds, entry=entry, dialects=dialects)
        yield Pair(await stack.enter_async_context(running(config, access_log=books.log)), a, b, books)


class Held:
    """A handler that says nothing (or only `first`, of a stream) until the gateway leaves; `gone` is set then."""

    def __init__(self, first: bytes = b"") -> None:
        self._first = first
        self.asked = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        if self._first:
            await call.begin_stream()
            await call.chunk(self._first)
        self.asked.set()
        await call.until_gone()
        self.gone.set()


def after(event: asyncio.Event, handler: Handler) -> Handler:
    """Answers once the event is set; waits no longer than the gateway does."""

    async def handle(call: Call) -> None:
        await event.wait()
        await handler(call)

    return handle


def _region(kind: str) -> dict[str, str]:
    return {"region": "us-east-1"} if kind == "bedrock" else {}
