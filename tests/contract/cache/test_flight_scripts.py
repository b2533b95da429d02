"""The scripts of shared flights, on a real server and on the one in memory that the other tests have: both must do the same."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from proxy.cache.sharing import wire
from proxy.storage.hot.base import HotStore, RedisRefused
from tests.support.clock import FakeClock
from tests.support.fake_hot import FakeHot, FakeRedis
from tests.support.hot import opened
from tests.support.valkey import Valkey

NAMES = wire.Names("x:")
KEY = b"k" * 32
LEASE, STREAM, INBOX = NAMES.lease(KEY), NAMES.stream(KEY, "a.1"), NAMES.inbox("a")


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture(params=["valkey", "memory", "cluster"])
async def hot(request: pytest.FixtureRequest, valkey: Valkey) -> AsyncIterator[HotStore]:
    if request.param == "memory":
        yield FakeHot(FakeRedis(FakeClock()))
        return
    valkey.command("FLUSHALL")
    async with opened(valkey.url) as made:
        yield made


async def claim(hot: HotStore, token: str, replaceable: str = "", ttl_ms: int = 10_000) -> Any:
    return await hot.eval(wire.CLAIM, (LEASE,), (token, ttl_ms, replaceable))


async def publish(hot: HotStore, number: int, frames: bytes, kept: int = 100) -> Any:
    return await hot.eval(wire.PUBLISH, (STREAM,), (kept, f"{number}-0", 10_000, wire.FRAMES, frames))


async def pieces(hot: HotStore, start: int = 1, count: int = 16) -> list[wire.Piece]:
    return wire.decode_pieces(await hot.execute("XRANGE", STREAM, str(start), "+", "COUNT", count))


async def test_a_claim_is_granted_once(hot: HotStore) -> None:
    """Nil, or the token that holds it; only the one that is named is replaced."""
    assert await claim(hot, "a.1") is None
    assert await claim(hot, "b.1") == b"a.1"
    assert await claim(hot, "b.1", "c.1") == b"a.1"
    assert await claim(hot, "a.1", "a.1") is None
    assert await claim(hot, "b.1", "a.1") is None
    assert await hot.get(LEASE) == b"b.1"


async def test_a_release_frees_only_what_is_ones_own(hot: HotStore) -> None:
    """And says whether it was."""
    await claim(hot, "a.1")
    assert await hot.eval(wire.RELEASE, (LEASE,), ("b.1",)) == 0
    assert await hot.get(LEASE) == b"a.1"
    assert await hot.eval(wire.RELEASE, (LEASE,), ("a.1",)) == 1
    assert await hot.eval(wire.RELEASE, (LEASE,), ("a.1",)) == 0
    assert await hot.get(LEASE) is None


async def test_pieces_are_read_from_a_number_on(hot: HotStore) -> None:
    """At most so many at once."""
    assert await pieces(hot) == []
    for number in range(1, 6):
        assert await publish(hot, number, b"%d" % number) == 1
    assert [piece.number for piece in await pieces(hot, 3)] == [3, 4, 5]
    assert [piece.frames for piece in await pieces(hot, 1, 2)] == [b"1", b"2"]
    assert await pieces(hot, 6) == []


async def test_a_stream_is_trimmed_from_its_beginning(hot: HotStore) -> None:
    """To exactly as many pieces as are to be kept."""
    for number in range(1, 6):
        await publish(hot, number, b"x", kept=2)
    assert [piece.number for piece in await pieces(hot)] == [4, 5]


async def test_a_number_is_used_once(hot: HotStore) -> None:
    """A second try of a write is told from its answer."""
    await publish(hot, 2, b"first")
    for number in (1, 2):
        with pytest.raises(RedisRefused, match="equal or smaller"):
            await publish(hot, number, b"second")
    assert [piece.frames for piece in await pieces(hot)] == [b"first"]


async def test_messages_are_taken_once_in_order(hot: HotStore) -> None:
    """Several at a time."""
    assert await hot.execute("LPOP", INBOX, 10) is None
    await hot.eval(wire.POST, (INBOX,), (10_000, b"1", b"2"))
    await hot.eval(wire.POST, (INBOX,), (10_000, b"3"))
    assert await hot.execute("LPOP", INBOX, 2) == [b"1", b"2"]
    assert await hot.execute("LPOP", INBOX, 2) == [b"3"]
    assert await hot.execute("LPOP", INBOX, 2) is None


async def test_everything_ends_by_itself(valkey: Valkey) -> None:
    """Nothing stays behind a process that was killed."""
    valkey.command("FLUSHALL")
    async with opened(valkey.url) as hot:
        await claim(hot, "a.1", ttl_ms=200)
        await publish(hot, 1, b"x")
        await hot.eval(wire.POST, (INBOX,), (5000, b"1"))
        assert [0 < int(valkey.command("PTTL", name)[1:-2]) <= most for name, most in ((LEASE, 200), (STREAM, 10_000), (INBOX, 5000))] == [
            True
        ] * 3
        await asyncio.sleep(0.25)
        assert await claim(hot, "b.1") is None
