"""Contract H: a slow Redis (100 ms, then a breaker) slows nothing else, and heals without a restart.

The cache is asked as the pipeline asks it, against a real Valkey that is stopped (SIGSTOP), as a server is that swaps, is paused by
its host or lost behind a dropped route: connections stay, nothing answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.memory import MemoryCache
from proxy.cache.redis import RedisCache
from proxy.cache.tiered import TieredCache
from proxy.core.clock import SystemClock
from proxy.storage.hot.redis import RedisHot
from tests.support import lag
from tests.support.eventually import eventually
from tests.support.hot import opened
from tests.support.valkey import Valkey

OP_TIMEOUT_S = 0.1
SLACK_S = 0.15
"""On top of what the machine itself held the loop up."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def hot(valkey: Valkey) -> AsyncIterator[RedisHot]:
    async with opened(valkey.url, op_timeout_s=OP_TIMEOUT_S) as made:
        yield made
        valkey.resume()


@pytest.fixture
def cache(hot: RedisHot) -> TieredCache:
    clock = SystemClock()
    return TieredCache(clock, l1=MemoryCache(clock), l2=RedisCache(hot, clock))


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def entry() -> CacheEntry:
    return CacheEntry(dialect="openai_chat", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=time.time())


async def timed_miss(cache: TieredCache, number: int) -> float:
    began = time.perf_counter()
    assert await cache.get(key(number)) is None
    return time.perf_counter() - began


async def open_breaker(cache: TieredCache, hot: RedisHot) -> None:
    while hot.available:
        await cache.get(key(0))


async def test_a_look_up_costs_at_most_the_time_out(cache: TieredCache, valkey: Valkey) -> None:
    """200 at once; each is a miss, none an exception."""
    valkey.stall()
    async with lag.watched() as machine:
        seconds = await asyncio.gather(*[timed_miss(cache, number) for number in range(200)])
    assert max(seconds) < OP_TIMEOUT_S + SLACK_S + machine.worst_s


async def test_after_three_time_outs_nobody_waits(cache: TieredCache, hot: RedisHot, valkey: Valkey) -> None:
    """A thousand look-ups end within three turns of the loop: no timer and no socket in between."""
    valkey.stall()
    for _ in range(3):
        await timed_miss(cache, 0)
    assert hot.state == "open"
    asked = asyncio.gather(*[cache.get(key(number)) for number in range(1000)])
    for _ in range(3):
        await asyncio.sleep(0)
    assert asked.done()


async def test_the_event_loop_is_never_held_up(cache: TieredCache, hot: RedisHot, valkey: Valkey) -> None:
    """What has nothing to do with Redis runs on, from the stall over time-outs to the open breaker. One blocking wait for the
    stalled server would take a second (connect) or for ever (read)."""
    valkey.stall()
    async with lag.watched() as loop:
        await asyncio.gather(*[cache.get(key(number)) for number in range(500)])
        await open_breaker(cache, hot)
    assert loop.worst_s < 0.5


async def test_writes_never_wait(cache: TieredCache, valkey: Valkey) -> None:
    """`put` is no coroutine: a stored answer is in L1 when it returns, stall or no stall."""
    valkey.stall()
    for number in range(500):
        cache.put(key(number), entry())
    assert cache.peek(key(499)) is not None


async def test_it_heals_without_a_restart(cache: TieredCache, hot: RedisHot, valkey: Valkey) -> None:
    """Within 6 s (probes come at most 5 s apart); what was stored before is there again."""
    await hot.set("llm-edge:le1:" + key(7).hex(), entry().encode())
    valkey.stall()
    await open_breaker(cache, hot)
    assert cache.status().l2_healthy is False
    valkey.resume()
    await eventually(lambda: hot.available, within_s=6)
    assert cache.status().l2_healthy
    found = await cache.get(key(7))
    assert found is not None
    assert found[1] == "l2"


async def test_a_pause_shorter_than_the_breaker_is_forgotten(hot: RedisHot, valkey: Valkey) -> None:
    """One time-out; its late reply reaches nobody, the connection stays in step."""
    await hot.set("mine", "right")
    await hot.set("other", "wrong")
    connections = valkey.command("INFO", "stats").split(b"total_connections_received:")[1].split(b"\r\n")[0]
    valkey.stall()
    assert isinstance((await asyncio.gather(hot.get("other"), return_exceptions=True))[0], Exception)
    valkey.resume()
    assert await hot.get("mine") == b"right"
    assert hot.state == "closed"
    after = valkey.command("INFO", "stats").split(b"total_connections_received:")[1].split(b"\r\n")[0]
    assert int(after) == int(connections) + 1
