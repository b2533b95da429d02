"""L2 and its client against a real Valkey: killed, restarted, flushed, read-only, full, password-protected, counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.memory import MemoryCache
from proxy.cache.redis import RedisCache
from proxy.cache.tiered import TieredCache
from proxy.core.clock import SystemClock
from proxy.storage.hot.base import RedisDown, RedisRefused
from proxy.storage.hot.redis import RedisHot
from tests.support import lag
from tests.support.cache_meter import CountingMeter
from tests.support.eventually import eventually
from tests.support.hot import opened
from tests.support.valkey import Valkey

BOUND_S = 0.25
"""What one look-up may take at the worst, time-outs included, on top of what the machine itself held the loop up."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Valkey]:
    """For tests that leave it as they found it."""
    with Valkey() as server:
        yield server


@pytest.fixture
def valkey(shared: Valkey) -> Valkey:
    shared.command("FLUSHALL")
    return shared


@pytest.fixture(params=["tcp", "unix"])
def own(request: pytest.FixtureRequest) -> Iterator[Valkey]:
    """For tests that kill it."""
    with Valkey(unix=request.param == "unix") as server:
        yield server


@pytest.fixture
async def hot(valkey: Valkey) -> AsyncIterator[RedisHot]:
    async with opened(valkey.url) as made:
        yield made


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def entry(body: bytes = b"{}") -> CacheEntry:
    return CacheEntry(dialect="openai_chat", kind="json", body=body, response_id="r", model="m", provider="p", stored_at=time.time())


def tiered(hot: RedisHot, meter: CountingMeter | None = None) -> TieredCache:
    clock = SystemClock()
    return TieredCache(clock, l1=MemoryCache(clock), l2=RedisCache(hot, clock, meter=meter), meter=meter)


async def test_64_look_ups_of_one_tick_are_one_write(hot: RedisHot, valkey: Valkey) -> None:
    """The server ran 64 GETs and read them from the socket in one event (`INFO stats` counts both)."""

    def reads() -> int:
        return int(valkey.command("INFO", "stats").split(b"total_reads_processed:")[1].split(b"\r\n")[0])

    await asyncio.gather(*[hot.set(f"k{i}", f"v{i}") for i in range(64)])
    own_read = reads() - reads()
    gets, before = valkey.calls("get"), reads()
    assert await asyncio.gather(*[hot.get(f"k{i}") for i in range(64)]) == [b"v%d" % i for i in range(64)]
    assert reads() - before + own_read == 1
    assert valkey.calls("get") - gets == 64


async def test_a_script_runs(hot: RedisHot) -> None:
    """EVAL with keys and arguments."""
    assert await hot.eval("return {KEYS[1], ARGV[1], 7}", ("k",), ("a",)) == [b"k", b"a", 7]


async def test_two_replicas_share_answers(hot: RedisHot, valkey: Valkey) -> None:
    """COMPAT row 18: the second has it from L2, then from its own L1; the server expires it."""
    meter = CountingMeter()
    first, stored = tiered(hot, meter), entry(b'{"answer": 42}')
    first.put(key(1), stored)
    await eventually(lambda: meter.counts["write l2"] == 1)
    async with opened(valkey.url) as other:
        second = tiered(other)
        assert await second.get(key(1)) == (stored, "l2")
        assert await second.get(key(1)) == (stored, "l1")
    lifetime = int(valkey.command("PTTL", "llm-edge:le1:" + key(1).hex())[1:-2])
    assert 3_590_000 < lifetime <= 3_600_000


async def test_a_flushed_server_is_a_miss(hot: RedisHot, valkey: Valkey) -> None:
    """FLUSHALL by somebody else; no connection is lost over it."""
    meter = CountingMeter()
    cache = RedisCache(hot, SystemClock(), meter=meter)
    cache.put(key(1), entry())
    await eventually(lambda: meter.counts["write l2"] == 1)
    valkey.command("FLUSHALL")
    assert await cache.get(key(1)) is None
    assert meter.counts["error l2"] == 0


async def test_a_killed_connection_costs_at_most_its_own_commands(hot: RedisHot, valkey: Valkey) -> None:
    """CLIENT KILL, as a server's idle time-out or a load balancer does."""
    await hot.set("k", "v")
    valkey.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await eventually(lambda: not hot.connected)
    assert await hot.get("k") == b"v"
    assert hot.state == "closed"


async def test_kill_9_under_load_fails_no_look_up_and_heals(own: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """200 concurrent readers before, through and after: no exception, hits, then misses within bounds, then hits again."""
    meter = CountingMeter()
    async with lag.watched() as machine, opened(own.url, op_timeout_s=0.1) as hot:
        cache = RedisCache(hot, SystemClock(), meter=meter)
        longest, stop, answers = 0.0, False, {"hit": 0, "miss": 0}

        async def read(number: int) -> None:
            nonlocal longest
            while not stop:
                began = time.perf_counter()
                found = await cache.get(key(number))
                longest = max(longest, time.perf_counter() - began)
                answers["hit" if found else "miss"] += 1
                await asyncio.sleep(0.02)

        def fill() -> None:
            for number in range(200):
                cache.put(key(number), entry())

        fill()
        await eventually(lambda: meter.counts["write l2"] == 200)
        readers = [asyncio.ensure_future(read(number)) for number in range(200)]
        await eventually(lambda: answers["hit"] > 1000)

        await asyncio.to_thread(own.kill)
        await eventually(lambda: hot.state != "closed")
        hits = answers["hit"]
        await eventually(lambda: answers["miss"] > 2000)
        assert answers["hit"] == hits
        assert longest < BOUND_S + machine.worst_s

        await asyncio.to_thread(own.start)
        await eventually(lambda: hot.available, within_s=6)
        fill()
        await eventually(lambda: answers["hit"] > hits + 1000)
        stop = True
        await asyncio.gather(*readers)
    assert "never retrieved" not in caplog.text
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == ["redis is down"]


async def test_a_server_that_comes_later_is_found(own: Valkey) -> None:
    """The gateway starts without it."""
    own.kill()
    async with opened(own.url) as hot:
        assert not hot.connected
        with pytest.raises(RedisDown):
            await hot.get("k")
        await asyncio.to_thread(own.start)
        await eventually(lambda: hot.available, within_s=6)
        assert await hot.get("k") is None


async def test_a_full_server_refuses_writes_and_serves_reads(hot: RedisHot, valkey: Valkey) -> None:
    """maxmemory with noeviction: OOM for a SET, and only for it."""
    meter = CountingMeter()
    cache = RedisCache(hot, SystemClock(), meter=meter)
    cache.put(key(1), entry())
    await eventually(lambda: meter.counts["write l2"] == 1)
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        cache.put(key(2), entry())
        await eventually(lambda: meter.counts["error l2"] == 1)
        assert await cache.get(key(1)) is not None
        assert cache.healthy
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")


async def test_a_read_only_server_refuses_writes_and_serves_reads(hot: RedisHot, valkey: Valkey) -> None:
    """After a failover the address may be a replica's."""
    await hot.set("k", "v")
    valkey.command("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(RedisRefused, match="READONLY") as caught:
            await hot.set("k", "w")
        assert caught.value.reply == "READONLY"
        assert await hot.get("k") == b"v"
        assert hot.available
    finally:
        valkey.command("REPLICAOF", "NO", "ONE")


async def test_a_wrong_value_type_is_a_miss(hot: RedisHot, valkey: Valkey) -> None:
    """Somebody else's list under our key."""
    valkey.command("RPUSH", "llm-edge:le1:" + key(1).hex(), "x")
    assert await RedisCache(hot, SystemClock()).get(key(1)) is None


async def test_a_password_and_a_database_are_used() -> None:
    """With them commands run in that database, without them the store is down and says why."""
    with Valkey() as server:
        server.command("CONFIG", "SET", "requirepass", "open sesame")
        address = f"127.0.0.1:{server.port}"
        async with opened(f"redis://:open%20sesame@{address}/3") as hot:
            await hot.set("k", "v")
            assert b"db=3" in await hot.execute("CLIENT", "INFO")
        async with opened(f"redis://{address}") as hot:
            await eventually(lambda: not hot.available)
            with pytest.raises(RedisDown, match="NOAUTH"):
                await hot.get("k")


async def test_clearing_leaves_other_programs_keys_alone(hot: RedisHot, valkey: Valkey) -> None:
    """Only `llm-edge:le1:*` goes."""
    await asyncio.gather(hot.set("llm-edge:le2:x", "1"), hot.set("llm-edgeXle1:x", "1"), hot.set("llm-edge:le1:x", "1"))
    assert await RedisCache(hot, SystemClock()).clear() == 1
    assert valkey.command("DBSIZE") == b":2\r\n"
