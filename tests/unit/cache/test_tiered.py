"""The order of the tiers, back-fill, ages, and what is told to the meter."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.memory import MemoryCache
from proxy.cache.redis import RedisCache
from proxy.cache.tiered import CacheStatus, TieredCache
from proxy.storage.hot.base import RedisDown
from proxy.storage.hot.redis import RedisHot
from tests.support.cache_meter import CountingMeter
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.hot import opened
from tests.support.resp_server import Command, RespServer, login_ok

KEY = b"k" * 32


class Store:
    """GET, SET, UNLINK and SCAN on a dict: two replicas can share it."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def __call__(self, command: Command) -> bytes | None:
        match command:
            case (b"GET", key):
                value = self.values.get(key)
                return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
            case (b"SET", key, value, *_):
                self.values[key] = value
                return b"+OK\r\n"
            case (b"UNLINK", *keys):
                return b":%d\r\n" % sum(self.values.pop(key, None) is not None for key in keys)
            case (b"SCAN", *_):
                names = b"".join(b"$%d\r\n%s\r\n" % (len(name), name) for name in self.values)
                return b"*2\r\n$1\r\n0\r\n*%d\r\n%s" % (len(self.values), names)
        return login_ok(command)


class Replica:
    """One gateway's cache."""

    def __init__(self, hot: RedisHot | None, clock: FakeClock, *, l1: bool = True) -> None:
        self.meter = CountingMeter()
        memory = MemoryCache(clock, ttl_s=300) if l1 else None
        shared = RedisCache(hot, clock, ttl_s=3600, meter=self.meter) if hot is not None else None
        self.cache = TieredCache(clock, l1=memory, l2=shared, meter=self.meter)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def hot(store: Store) -> AsyncIterator[RedisHot]:
    async with RespServer(store) as server, opened(server.url) as opened_hot:
        yield opened_hot


def entry(clock: FakeClock, age_s: float = 0) -> CacheEntry:
    return CacheEntry(
        dialect="openai_chat", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=clock.time() - age_s
    )


async def put_in_l2(hot: RedisHot, clock: FakeClock, stored: CacheEntry) -> None:
    other = Replica(hot, clock, l1=False)
    other.cache.put(KEY, stored)
    await eventually(lambda: other.meter.counts["write l2"] == 1)


async def test_the_first_replica_hits_l1_and_the_second_l2_then_l1(hot: RedisHot, clock: FakeClock) -> None:
    """COMPAT row 18."""
    first, second = Replica(hot, clock), Replica(hot, clock)
    stored = entry(clock)
    first.cache.put(KEY, stored)
    assert await first.cache.get(KEY) == (stored, "l1")
    await eventually(lambda: first.meter.counts["write l2"] == 1)
    assert await second.cache.get(KEY) == (stored, "l2")
    assert await second.cache.get(KEY) == (stored, "l1")
    assert first.meter.counts == {"write l1": 1, "write l2": 1, "hit l1": 1}
    assert second.meter.counts == {"miss l1": 1, "hit l2": 1, "hit l1": 1}
    assert all(0 <= seconds < 10 for seconds in first.meter.seconds + second.meter.seconds)


async def test_a_back_filled_entry_keeps_what_is_left_of_its_life(hot: RedisHot, clock: FakeClock) -> None:
    """Copies never outlive the original."""
    await put_in_l2(hot, clock, entry(clock, age_s=3590))
    replica = Replica(hot, clock)
    assert await replica.cache.fetch(KEY) is not None
    clock.advance(9)
    assert replica.cache.peek(KEY) is not None
    clock.advance(1)
    assert replica.cache.peek(KEY) is None


async def test_a_back_filled_entry_lives_no_longer_than_l1_lets_it(hot: RedisHot, clock: FakeClock) -> None:
    """300 s here, though an hour is left in L2."""
    await put_in_l2(hot, clock, entry(clock))
    replica = Replica(hot, clock)
    await replica.cache.fetch(KEY)
    clock.advance(300)
    assert replica.cache.peek(KEY) is None


async def test_max_age_limits_either_tier(hot: RedisHot, clock: FakeClock) -> None:
    """To the second, counted from when the answer was stored; what is too old for one client is fine for the next."""
    await put_in_l2(hot, clock, entry(clock, age_s=60))
    replica = Replica(hot, clock)
    assert await replica.cache.get(KEY, max_age_s=59.9) is None
    assert replica.meter.counts == {"miss l1": 1, "miss l2": 1}
    assert replica.cache.peek(KEY, max_age_s=59.9) is None
    assert replica.cache.peek(KEY, max_age_s=60) is not None
    assert await Replica(hot, clock).cache.fetch(KEY, max_age_s=60) is not None


async def test_a_miss_in_both_is_none(hot: RedisHot, clock: FakeClock) -> None:
    """And counted in both."""
    replica = Replica(hot, clock)
    assert await replica.cache.get(KEY) is None
    assert replica.meter.counts == {"miss l1": 1, "miss l2": 1}


async def test_without_l2_only_l1_is_asked(clock: FakeClock) -> None:
    """An embedded gateway."""
    replica = Replica(None, clock)
    assert not replica.cache.has_l2
    assert await replica.cache.get(KEY) is None
    replica.cache.put(KEY, entry(clock))
    assert (await replica.cache.get(KEY)) is not None
    replica.cache.purge(KEY)
    assert replica.cache.peek(KEY) is None
    assert await replica.cache.clear() == {"l1": 0}
    assert replica.meter.counts == {"miss l1": 2, "write l1": 1, "hit l1": 1}


async def test_without_l1_every_hit_is_l2s(hot: RedisHot, clock: FakeClock) -> None:
    """Nothing is kept here."""
    replica = Replica(hot, clock, l1=False)
    await put_in_l2(hot, clock, entry(clock))
    for _ in range(2):
        found = await replica.cache.get(KEY)
        assert found is not None
        assert found[1] == "l2"
    assert replica.cache.peek(KEY) is None


async def test_an_l2_that_is_down_is_a_miss(hot: RedisHot, clock: FakeClock) -> None:
    """L1 goes on; `has_l2` says that asking is of no use."""
    replica = Replica(hot, clock)
    await hot.close()
    assert not replica.cache.has_l2
    assert await replica.cache.get(KEY) is None
    replica.cache.put(KEY, entry(clock))
    assert (await replica.cache.get(KEY)) is not None
    assert replica.meter.counts == {"miss l1": 1, "miss l2": 1, "error l2": 2, "write l1": 1, "hit l1": 1}


async def test_an_answer_too_large_for_l1_still_goes_to_l2(hot: RedisHot, store: Store, clock: FakeClock) -> None:
    """Each tier has its own bound."""
    meter = CountingMeter()
    small = MemoryCache(clock, max_bytes=4096)
    cache = TieredCache(clock, l1=small, l2=RedisCache(hot, clock, meter=meter), meter=meter)
    cache.put(KEY, msgspec.structs.replace(entry(clock), body=b"x" * 4096))
    await eventually(lambda: meter.counts["write l2"] == 1)
    assert meter.counts == {"write l2": 1}
    assert len(store.values) == 1


async def test_purging_takes_one_entry_from_both(hot: RedisHot, store: Store, clock: FakeClock) -> None:
    """For administration."""
    replica = Replica(hot, clock)
    replica.cache.put(KEY, entry(clock))
    replica.cache.purge(KEY)
    assert replica.cache.peek(KEY) is None
    await eventually(lambda: replica.meter.counts["write l2"] == 1)
    assert await replica.cache.get(KEY) is None
    assert not store.values


async def test_clearing_says_how_many_went(hot: RedisHot, store: Store, clock: FakeClock) -> None:
    """Per tier."""
    replica = Replica(hot, clock)
    for number in range(3):
        replica.cache.put(bytes([number]) * 32, entry(clock))
    await eventually(lambda: len(store.values) == 3)
    assert await replica.cache.clear() == {"l1": 3, "l2": 3}
    assert not store.values


async def test_clearing_without_l2_there_empties_l1_and_says_what_failed(hot: RedisHot, clock: FakeClock) -> None:
    """The order is not silently half done."""
    replica = Replica(hot, clock)
    replica.cache.put(KEY, entry(clock))
    await hot.close()
    with pytest.raises(RedisDown):
        await replica.cache.clear()
    assert replica.cache.peek(KEY) is None


async def test_status_tells_sizes_and_health(hot: RedisHot, clock: FakeClock) -> None:
    """Without what has expired."""
    replica = Replica(hot, clock)
    replica.cache.put(KEY, entry(clock))
    assert replica.cache.status() == CacheStatus(
        l1_enabled=True, l1_entries=1, l1_bytes=entry(clock).size, l1_evictions=0, l2_configured=True, l2_healthy=True
    )
    clock.advance(300)
    await hot.close()
    assert replica.cache.status() == CacheStatus(
        l1_enabled=True, l1_entries=0, l1_bytes=0, l1_evictions=0, l2_configured=True, l2_healthy=False
    )


async def test_status_without_tiers_is_zeros(clock: FakeClock) -> None:
    """A cache that is off."""
    assert Replica(None, clock, l1=False).cache.status() == CacheStatus(
        l1_enabled=False, l1_entries=0, l1_bytes=0, l1_evictions=0, l2_configured=False, l2_healthy=False
    )
    Replica(None, clock, l1=False).cache.purge(KEY)
