"""What every cache tier promises, run over each: memory, and Redis by a real Valkey (TCP, Unix socket, a cluster of three)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.memory import MemoryCache
from proxy.cache.redis import RedisCache
from proxy.core.response import Usage
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.open import open_hot
from tests.support.cache_meter import CountingMeter
from tests.support.clock import FakeClock
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually
from tests.support.hot import opened
from tests.support.valkey import Valkey

TTL_S = 60.0


class Tier(Protocol):
    """The least common form: everything awaited, writes until they are there."""

    async def get(self, key: bytes) -> CacheEntry | None: ...

    async def put(self, key: bytes, entry: CacheEntry) -> bool: ...

    async def delete(self, key: bytes) -> None: ...

    async def clear(self) -> int: ...


class MemoryTier:
    def __init__(self, clock: FakeClock) -> None:
        self.cache = MemoryCache(clock, ttl_s=TTL_S, max_bytes=8 * 1024 * 1024)

    async def get(self, key: bytes) -> CacheEntry | None:
        return self.cache.get(key)

    async def put(self, key: bytes, entry: CacheEntry) -> bool:
        return self.cache.put(key, entry)

    async def delete(self, key: bytes) -> None:
        self.cache.delete(key)

    async def clear(self) -> int:
        return self.cache.clear()


class RedisTier:
    def __init__(self, cache: RedisCache, meter: CountingMeter) -> None:
        self.cache = cache
        self.meter = meter

    async def get(self, key: bytes) -> CacheEntry | None:
        found = await self.cache.get(key)
        return None if found is None else found[0]

    async def put(self, key: bytes, entry: CacheEntry) -> bool:
        written = self.meter.counts["write l2"]
        if not self.cache.put(key, entry):
            return False
        await eventually(lambda: self.meter.counts["write l2"] == written + 1)
        return True

    async def delete(self, key: bytes) -> None:
        self.cache.delete(key)

    async def clear(self) -> int:
        return await self.cache.clear()


@asynccontextmanager
async def memory(clock: FakeClock, server: Callable[[str], Valkey]) -> AsyncIterator[Tier]:
    yield MemoryTier(clock)


def redis(kind: str) -> Callable[[FakeClock, Callable[[str], Valkey]], object]:
    @asynccontextmanager
    async def tier(clock: FakeClock, server: Callable[[str], Valkey]) -> AsyncIterator[Tier]:
        running = server(kind)
        running.command("FLUSHALL")
        async with opened(running.url) as hot:
            meter = CountingMeter()
            yield RedisTier(RedisCache(hot, clock, ttl_s=TTL_S, meter=meter), meter)

    return tier


@asynccontextmanager
async def clustered(clock: FakeClock, server: Callable[[str], Valkey], cluster: Cluster) -> AsyncIterator[Tier]:
    cluster.flush()
    tasks = TaskSupervisor()
    hot = await open_hot(cluster.url, tasks, op_timeout_s=PATIENT_S)
    await eventually(lambda: hot.connected)
    meter = CountingMeter()
    yield RedisTier(RedisCache(hot, clock, ttl_s=TTL_S, meter=meter), meter)
    await hot.close()
    await tasks.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[str], Valkey]]:
    """Started when first asked for."""
    running: dict[str, Valkey] = {}

    def start(kind: str) -> Valkey:
        if kind not in running:
            running[kind] = Valkey(unix=kind == "unix")
            running[kind].start()
        return running[kind]

    yield start
    for valkey in running.values():
        valkey.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[memory, redis("tcp"), redis("unix"), clustered], ids=["memory", "redis-tcp", "redis-unix", "redis-cluster"])
async def tier(request: pytest.FixtureRequest, clock: FakeClock, server: Callable[[str], Valkey]) -> AsyncIterator[Tier]:
    more = (request.getfixturevalue("cluster"),) if request.param is clustered else ()
    async with request.param(clock, server, *more) as made:
        yield made


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def entry(clock: FakeClock, body: bytes = b"{}", age_s: float = 0) -> CacheEntry:
    return CacheEntry(
        dialect="anthropic_messages",
        kind="sse",
        body=body,
        response_id="msg_1",
        created=7,
        model="m",
        provider="p",
        usage=Usage(input_tokens=1, extra={"a": [1]}),
        stored_at=clock.time() - age_s,
        content_type="text/event-stream",
    )


async def test_what_was_put_comes_back_whole(tier: Tier, clock: FakeClock) -> None:
    """Any bytes, every field."""
    stored = entry(clock, bytes(range(256)) + b"\r\n$-1\r\n")
    assert await tier.put(key(1), stored)
    assert await tier.get(key(1)) == stored


async def test_keys_are_separate(tier: Tier, clock: FakeClock) -> None:
    """Also when one begins with a zero byte."""
    await tier.put(key(1), entry(clock, b"one"))
    await tier.put(key(2), entry(clock, b"two"))
    found = [await tier.get(key(number)) for number in (1, 2, 3)]
    assert [item.body if item else None for item in found] == [b"one", b"two", None]


async def test_a_second_put_replaces_the_first(tier: Tier, clock: FakeClock) -> None:
    """After a `no-cache` request, say."""
    await tier.put(key(1), entry(clock, b"old"))
    await tier.put(key(1), entry(clock, b"new"))
    found = await tier.get(key(1))
    assert found is not None
    assert found.body == b"new"


async def test_an_entry_is_gone_at_the_end_of_its_ttl(tier: Tier, clock: FakeClock) -> None:
    """To the second, by this process's clock."""
    await tier.put(key(1), entry(clock))
    clock.advance(TTL_S - 0.5)
    assert await tier.get(key(1)) is not None
    clock.advance(0.5)
    assert await tier.get(key(1)) is None


async def test_a_deleted_entry_is_gone(tier: Tier, clock: FakeClock) -> None:
    """And only that one; deleting what is not there is nothing."""
    await tier.put(key(1), entry(clock))
    await tier.put(key(2), entry(clock))
    await tier.delete(key(1))
    await tier.delete(key(3))
    assert await tier.get(key(1)) is None
    assert await tier.get(key(2)) is not None


async def test_clearing_takes_everything_and_counts(tier: Tier, clock: FakeClock) -> None:
    """More than one page of a SCAN."""
    for number in range(700):
        await tier.put(key(number), entry(clock))
    assert await tier.clear() == 700
    assert await tier.get(key(1)) is None
    assert await tier.clear() == 0


async def test_an_entry_over_the_cap_is_not_taken(tier: Tier, clock: FakeClock) -> None:
    """One MiB in either, as these are set up."""
    assert await tier.put(key(1), entry(clock, b"x" * 1_000_000))
    assert not await tier.put(key(2), entry(clock, b"x" * 1_100_000))
    assert await tier.get(key(2)) is None


async def test_entries_are_values(tier: Tier, clock: FakeClock) -> None:
    """Reading twice gives equal entries."""
    await tier.put(key(1), entry(clock))
    first, second = await tier.get(key(1)), await tier.get(key(1))
    assert first is not None
    assert first == second
    assert msgspec.structs.asdict(first)["usage"] == Usage(input_tokens=1, extra={"a": [1]})
