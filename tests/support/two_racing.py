"""Two gateways that share a Redis, each with the entry `m` of two targets (two_targets.py), which are the same two scripted upstreams."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.support.access_log import Books
from tests.support.gateway import running
from tests.support.raw_chat import RawChat
from tests.support.two_edges import connected, idle
from tests.support.two_targets import Pair, config_of
from tests.support.upstream import Upstream, failing


@asynccontextmanager
async def two_racing(redis_url: str, *, scope: str = "tenant", **entry: Any) -> AsyncIterator[tuple[Pair, Pair]]:
    """`scope`: of the cache; `entry`: of the entry `m`."""
    async with AsyncExitStack() as stack:
        a, b = await stack.enter_async_context(Upstream()), await stack.enter_async_context(Upstream())
        for up in (a, b):
            up.on(failing(500, "not in the test's script"))  # and counted
        sections: dict[str, Any] = {"stores": {"redis": redis_url}, "cache": {"scope": scope, "l2": {"op_timeout_ms": 5000}}}
        config = config_of(a.url, b.url, kinds=("openai", "openai"), entry=entry, **sections)
        pairs = []
        for books in (Books(), Books()):
            edge = await stack.enter_async_context(running(config, access_log=books.log))
            await connected(edge)
            pairs.append(Pair(edge, a, b, books))
        yield pairs[0], pairs[1]
        for pair in pairs:
            await pair.settled()
            await idle(pair.edge)


def asking(pair: Pair, *, stream: bool = True) -> RawChat:
    """A client of entry `m`."""
    return RawChat(pair.edge.url, model="m", stream=stream)
