"""The board that processes share, over one server and over a cluster of three."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from time import monotonic

import pytest

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.open import open_hot
from proxy.storage.hot.redis_board import RedisBoard
from proxy.storage.hot.slots import slot_of
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually
from tests.support.serving import ROOT
from tests.support.valkey import Valkey


class Shared:
    """A running Redis of either kind; `lose` and `restart` mean the server that has `field`s of the board `key`."""

    def __init__(self, running: Valkey | Cluster) -> None:
        self._running = running
        self.url = running.url

    def lose(self, key: str) -> None:
        server = self._running
        (server.owner(slot_of(key)) if isinstance(server, Cluster) else server).kill()

    def restart(self, key: str) -> None:
        """Empty."""
        server = self._running
        (server.owner(slot_of(key)) if isinstance(server, Cluster) else server).start()


@pytest.fixture(scope="module", params=["server", "cluster"])
def shared(request: pytest.FixtureRequest) -> Iterator[Shared]:
    with Valkey() if request.param == "server" else Cluster() as running:
        yield Shared(running)


@pytest.fixture
def url(shared: Shared) -> str:
    return shared.url


@asynccontextmanager
async def board(url: str, key: str, op_timeout_s: float = PATIENT_S) -> AsyncIterator[RedisBoard]:
    tasks = TaskSupervisor()
    hot = await open_hot(url, tasks, op_timeout_s=op_timeout_s)
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


@contextmanager
def process(url: str, key: str) -> Iterator[None]:
    """That copies `in:` fields to `out:`."""
    command = [sys.executable, "-m", "tests.support.board_main", url, key]
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield
    finally:
        running.kill()
        running.wait()


async def test_processes_hear_each_other_there_and_back_within_a_second_each(url: str) -> None:
    """A change, and its end."""
    with process(url, "{b}:4"):
        async with board(url, "{b}:4") as here:
            here.put("in:ready", b"1", 600)
            await eventually(lambda: here.get("out:ready") == b"1", within_s=30)
            began = monotonic()
            here.put("in:a", b"1", 600)
            await eventually(lambda: here.get("out:a") == b"1")
            assert monotonic() - began < 2.5
            here.drop("in:a")
            await eventually(lambda: here.get("out:a") is None)


async def test_a_redis_that_was_killed_and_comes_back_empty_is_filled_again(shared: Shared) -> None:
    """What was known stays known meanwhile, what was written meanwhile goes out, and a new process learns it all."""
    key = "{b}:5"
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(board(shared.url, key, op_timeout_s=0.3)) for _ in range(2)]
        here.put("before", b"1", 600)
        await eventually(lambda: there.get("before") == b"1")
        await asyncio.to_thread(shared.lose, key)
        try:
            there.put("meanwhile", b"2", 600)
            await asyncio.sleep(0.6)
            assert (here.items(""), there.items("")) == ({"before": b"1"}, {"before": b"1", "meanwhile": b"2"})
        finally:
            await asyncio.to_thread(shared.restart, key)
        await eventually(lambda: here.get("meanwhile") == b"2", within_s=30)
        late = await stack.enter_async_context(board(shared.url, key))
        await eventually(lambda: late.items("") == {"before": b"1", "meanwhile": b"2"}, within_s=30)


async def test_a_board_outlives_the_master_that_has_it() -> None:
    """A replica takes over, and what it lacked is sent again."""
    key = "{b}:6"
    with Cluster(replicas=1) as cluster:
        async with AsyncExitStack() as stack:
            here, there = [await stack.enter_async_context(board(cluster.url, key, op_timeout_s=0.3)) for _ in range(2)]
            here.put("before", b"1", 600)
            await eventually(lambda: there.get("before") == b"1")
            await asyncio.to_thread(cluster.owner(slot_of(key)).kill)
            there.put("meanwhile", b"2", 600)
            await eventually(lambda: here.get("meanwhile") == b"2", within_s=30)
            assert here.items("") == there.items("") == {"before": b"1", "meanwhile": b"2"}
