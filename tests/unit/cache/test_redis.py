"""L2 against a scripted server: keys, lifetimes, and every failure a miss. tests/contract/cache has what both tiers promise."""

from typing import Any

import msgspec
import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.redis import RedisCache
from proxy.storage.hot.base import RedisDown, RedisRefused
from tests.support.cache_meter import CountingMeter
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.hot import opened
from tests.support.resp_server import DROP, Command, RespServer, login_ok

CLOCK = FakeClock()
KEY = bytes(range(32))
NAME = b"llm-edge:le1:" + KEY.hex().encode()
ENTRY = CacheEntry(dialect="openai_chat", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=CLOCK.time())


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


def replying(name: bytes, reply: bytes) -> Any:
    return lambda command: reply if command[0] == name else login_ok(command)


async def test_an_entry_is_written_under_prefix_version_and_hex_with_what_is_left_of_its_life() -> None:
    """An entry that is 1000 s old lives 2600 s more."""
    old = msgspec.structs.replace(ENTRY, stored_at=CLOCK.time() - 1000)
    async with RespServer() as server, opened(server.url) as hot:
        meter = CountingMeter()
        assert RedisCache(hot, CLOCK, meter=meter).put(KEY, old)
        await eventually(lambda: meter.counts["write l2"] == 1)
        assert server.commands[-1] == (b"SET", NAME, old.encode(), b"PX", b"2600000")


async def test_the_prefix_is_a_setting() -> None:
    """The version stays behind it."""
    async with RespServer(replying(b"GET", b"$-1\r\n")) as server, opened(server.url) as hot:
        assert await RedisCache(hot, CLOCK, prefix="other-").get(KEY) is None
        assert server.commands[-1] == (b"GET", b"other-le1:" + KEY.hex().encode())


async def test_a_hit_says_what_is_left_of_its_life() -> None:
    """By this process's TTL, whatever the writer's was."""
    reply = bulk(msgspec.structs.replace(ENTRY, stored_at=CLOCK.time() - 30).encode())
    async with RespServer(replying(b"GET", reply)) as server, opened(server.url) as hot:
        found = await RedisCache(hot, CLOCK, ttl_s=100).get(KEY)
        assert found is not None
        assert found[1] == 70
        assert await RedisCache(hot, CLOCK, ttl_s=30).get(KEY) is None


@pytest.mark.parametrize("data", [b"", b"\x00\x01", b'{"content": "of another program"}', ENTRY.encode()[:20]])
async def test_what_is_no_entry_is_a_miss(data: bytes) -> None:
    """Another program's value, or a later release's."""
    async with RespServer(replying(b"GET", bulk(data))) as server, opened(server.url) as hot:
        assert await RedisCache(hot, CLOCK).get(KEY) is None


@pytest.mark.parametrize("reply", [b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", DROP])
async def test_a_failed_read_is_a_miss_and_is_counted(reply: bytes) -> None:
    """Refused or lost alike."""
    async with RespServer(replying(b"GET", reply)) as server, opened(server.url) as hot:
        meter = CountingMeter()
        assert await RedisCache(hot, CLOCK, meter=meter).get(KEY) is None
        assert meter.counts == {"error l2": 1}


@pytest.mark.parametrize("reply", [b"-OOM command not allowed when used memory > 'maxmemory'\r\n", b"-READONLY replica\r\n", DROP])
async def test_a_failed_write_is_counted_and_raises_nowhere(reply: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody awaits it, and no warning of an exception never retrieved appears."""
    async with RespServer(replying(b"SET", reply)) as server, opened(server.url) as hot:
        meter = CountingMeter()
        assert RedisCache(hot, CLOCK, meter=meter).put(KEY, ENTRY)
        await eventually(lambda: meter.counts["error l2"] == 1)
    assert "never retrieved" not in caplog.text


async def test_a_store_that_is_down_is_not_even_asked() -> None:
    """Reads and writes count as errors, at once."""
    async with RespServer() as server, opened(server.url) as hot:
        await hot.close()
        meter = CountingMeter()
        cache = RedisCache(hot, CLOCK, meter=meter)
        assert not cache.healthy
        assert await cache.get(KEY) is None
        assert not cache.put(KEY, ENTRY)
        assert meter.counts == {"error l2": 2}


async def test_entries_too_large_or_too_old_are_not_written() -> None:
    """The bound is on the encoded entry."""
    async with RespServer() as server, opened(server.url) as hot:
        size = len(ENTRY.encode())
        assert RedisCache(hot, CLOCK, max_entry_bytes=size).put(KEY, ENTRY)
        assert not RedisCache(hot, CLOCK, max_entry_bytes=size - 1).put(KEY, ENTRY)
        assert not RedisCache(hot, CLOCK, ttl_s=10).put(KEY, msgspec.structs.replace(ENTRY, stored_at=CLOCK.time() - 10))


async def test_a_delete_is_sent_and_forgotten() -> None:
    """Its failure is counted."""
    replies = iter([b":1\r\n", b"-READONLY replica\r\n"])

    def answer(command: Command) -> bytes | None:
        return next(replies) if command[0] == b"UNLINK" else login_ok(command)

    async with RespServer(answer) as server, opened(server.url) as hot:
        meter = CountingMeter()
        cache = RedisCache(hot, CLOCK, meter=meter)
        cache.delete(KEY)
        cache.delete(KEY)
        await eventually(lambda: meter.counts["error l2"] == 1)
        assert server.commands[-1] == (b"UNLINK", NAME)
        assert meter.counts == {"error l2": 1}


async def test_clearing_walks_the_whole_keyspace() -> None:
    """Cursor by cursor; the prefix is taken literally, not as a pattern."""
    pages = iter([b"*2\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*2\r\n$1\r\n9\r\n*0\r\n", b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n"])

    def answer(command: Command) -> bytes | None:
        if command[0] == b"UNLINK":
            return b":%d\r\n" % (len(command) - 1)
        return next(pages) if command[0] == b"SCAN" else login_ok(command)

    async with RespServer(answer) as server, opened(server.url) as hot:
        assert await RedisCache(hot, CLOCK, prefix="a*[b]").clear() == 3
        scans = [command for command in server.commands if command[0] == b"SCAN"]
        assert [command[1] for command in scans] == [b"0", b"7", b"9"]
        assert scans[0][2:4] == (b"MATCH", b"a\\*\\[b\\]le1:*")


@pytest.mark.parametrize(("reply", "error"), [(b"-NOPERM no scan\r\n", RedisRefused), (DROP, RedisDown)])
async def test_a_clear_that_fails_says_so(reply: bytes, error: type[Exception]) -> None:
    """An administrator's order is not a cache look-up: it must not seem done."""
    async with RespServer(replying(b"SCAN", reply)) as server, opened(server.url) as hot:
        with pytest.raises(error):
            await RedisCache(hot, CLOCK).clear()
