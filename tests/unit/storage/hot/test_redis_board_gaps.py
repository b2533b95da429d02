"""RedisBoard: who is told that writes may have been missed."""

from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.redis_board import RedisBoard
from tests.support.clock import FakeClock
from tests.support.flaky_hot import FlakyHot
from tests.support.hot import opened
from tests.support.valkey import Valkey
from tests.unit.storage.hot.test_redis_board import KEY, Make, Side


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def make(valkey: Valkey) -> AsyncIterator[Make]:
    valkey.command("FLUSHALL")
    sides: list[Side] = []
    async with opened(valkey.url) as hot:
        tasks = TaskSupervisor()

        def made(name: str) -> Side:
            way = FlakyHot(hot)
            sides.append(Side(RedisBoard(way, FakeClock(), tasks, key=KEY, writer=name), way))
            return sides[-1]

        yield made
        for side in sides:
            await side.board.close()
        await tasks.close()


async def test_a_gap_is_told_when_redis_is_there_again(make: Make) -> None:
    """Once an outage, not while it lasts; and not of a Redis that answered all the time."""
    side, gaps = make("side"), []
    end = side.board.on_gap(lambda: gaps.append(1))
    for _ in range(3):
        await side.sync()
    assert gaps == []
    side.hot.fault = "down"
    for _ in range(3):
        assert not await side.sync()
    assert gaps == []
    side.hot.fault = None
    for _ in range(3):
        await side.sync()
    assert gaps == [1]
    end()
    side.hot.fault = "down"
    await side.sync()
    side.hot.fault = None
    await side.sync()
    assert gaps == [1]


async def test_a_redis_that_was_emptied_is_a_gap(make: Make, valkey: Valkey) -> None:
    """Whatever was written to it before is lost, and perhaps never was read."""
    here, there, gaps = make("here"), make("there"), []
    there.board.on_gap(lambda: gaps.append(1))
    here.board.put("a", b"1", 60)
    await here.sent()
    await there.sync()
    valkey.command("FLUSHALL")
    here.board.put("b", b"1", 60)
    await here.sent()
    await there.sync()
    await there.sync()
    assert gaps == [1]
