"""The board that processes share, over one server and over a cluster of three."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import pytest

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.open import open_hot
from proxy.storage.hot.redis_board import RedisBoard
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually
from tests.support.valkey import Valkey


@pytest.fixture(scope="module", params=["server", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "server":
        with Valkey() as server:
            yield server.url
    else:
        with Cluster() as cluster:
            yield cluster.url


@asynccontextmanager
async def board(url: str, key: str) -> AsyncIterator[RedisBoard]:
    tasks = TaskSupervisor()
    hot = await open_hot(url, tasks, op_timeout_s=PATIENT_S)
    await eventually(lambda: hot.connected)
    made = RedisBoard(hot, SystemClock(), tasks, key=key)
    await made.open()
    yield made
    await made.close()
    await hot.close()
    await tasks.close()


async def test_a_write_is_seen_by_the_others_within_a_second(url: str) -> None:
    """Here at once; there with its value, and again when it is dropped."""
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(board(url, "{b}:1")) for _ in range(2)]
        seen: list[tuple[str, bytes | None]] = []
        there.watch("health:", lambda field, value: seen.append((field, value)))
        began = monotonic()
        here.put("health:a", b"open", 60)
        here.put("other:a", b"x", 60)
        assert here.get("health:a") == b"open"
        await eventually(lambda: seen == [("health:a", b"open")])
        assert monotonic() - began < 1.5
        here.drop("health:a")
        await eventually(lambda: seen[-1] == ("health:a", None))
        assert there.get("health:a") is None


async def test_a_late_process_learns_what_stands(url: str) -> None:
    """When it opens."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(board(url, "{b}:2"))
        here.put("a", b"1", 60)
        await asyncio.sleep(0)
        late = await stack.enter_async_context(board(url, "{b}:2"))
        await eventually(lambda: late.get("a") == b"1")


async def test_lifetimes_end_everywhere(url: str) -> None:
    """By the server's clock."""
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(board(url, "{b}:3")) for _ in range(2)]
        here.put("a", b"1", 1.5)
        await eventually(lambda: there.get("a") == b"1")
        await eventually(lambda: there.get("a") is None and here.get("a") is None)
