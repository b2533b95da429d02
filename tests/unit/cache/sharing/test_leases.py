"""Leases and beats, and what is made good."""

import asyncio
import logging

import pytest

from proxy.cache.sharing import wire
from proxy.cache.sharing.leases import BEAT_LIFE_S, BEAT_S, LEASE_S, REST_S, Leases, failed, take
from proxy.storage.hot.base import RedisDown, RedisRefused
from tests.support.clock import FakeClock
from tests.support.fake_hot import FakeHot, FakeRedis

KEY = b"k" * 32


class Own:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.redis = FakeRedis(self.clock)
        self.hot = FakeHot(self.redis)
        self.lost = 0
        self.leases = Leases(self.hot, wire.Names("x:"), self.clock.monotonic, self)

    def lease_lost(self) -> None:
        self.lost += 1

    def held(self) -> bytes | None:
        value: bytes | None = self.redis.run("GET", self.leases.names.lease(KEY))
        return value


async def test_one_holds_a_lease_until_it_is_released_or_runs_out() -> None:
    """The other is told whose it is."""
    own = Own()
    assert await own.leases.claim(KEY, "a.1", "") is None
    assert await own.leases.claim(KEY, "b.1", "") == b"a.1"
    own.leases.release(KEY, "b.1", held=False)
    assert own.held() == b"a.1"
    own.leases.release(KEY, "a.1")
    assert own.held() is None
    await own.leases.claim(KEY, "c.1", "")
    own.clock.advance(LEASE_S)
    assert await own.leases.claim(KEY, "d.1", "") is None
    assert own.lost == 0


async def test_renewing_and_taking_over_name_the_token_that_may_be_replaced() -> None:
    """And no other is."""
    own = Own()
    await own.leases.claim(KEY, "a.1", "")
    own.clock.advance(LEASE_S - 1)
    assert await own.leases.claim(KEY, "a.1", "a.1") is None
    own.clock.advance(LEASE_S - 1)
    assert await own.leases.claim(KEY, "b.1", "x.1") == b"a.1"
    assert await own.leases.claim(KEY, "b.1", "a.1") is None
    assert own.held() == b"b.1"


async def test_a_release_that_finds_anothers_lease_is_counted() -> None:
    """Where it should have been ours."""
    own = Own()
    own.leases.release(KEY, "a.1", held=False)
    await asyncio.sleep(0)
    own.leases.release(KEY, "a.1")
    await asyncio.sleep(0)
    assert own.lost == 1


async def test_a_release_without_an_answer_is_made_again() -> None:
    """Not every turn, and not after the lease has run out by itself."""
    own = Own()
    await own.leases.claim(KEY, "a.1", "")
    own.hot.up = False
    own.leases.release(KEY, "a.1")
    await asyncio.sleep(0)
    assert own.leases.owing
    own.leases.release_late()
    await asyncio.sleep(0)
    own.hot.up = True
    sent = own.hot.sent
    own.leases.release_late()
    assert own.hot.sent == sent
    own.clock.advance(BEAT_S)
    own.leases.release_late()
    await asyncio.sleep(0)
    assert (own.held(), own.leases.owing) == (None, False)
    own.leases.doubtful(KEY, "a.2")
    own.clock.advance(LEASE_S)
    own.leases.release_late()
    assert not own.leases.owing


async def test_a_beat_is_sent_when_it_is_due() -> None:
    """And lives longer than two of them."""
    own = Own()
    for _ in range(3):
        own.leases.beat()
    assert own.hot.sent == 1
    own.clock.advance(BEAT_S)
    own.leases.beat()
    assert own.hot.sent == 2
    own.clock.advance(BEAT_LIFE_S)
    assert not own.redis.keys(":beat")
    assert BEAT_LIFE_S > 2 * BEAT_S


async def test_a_refusal_rests_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A lost answer is no refusal."""
    own = Own()
    given_up = []
    own.leases.on_refused = lambda: given_up.append(True)
    own.leases.refused(RedisDown("gone"))
    own.leases.refused(None)
    assert own.leases.usable
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            own.leases.refused(RedisRefused("NOPERM no scripts"))
    assert (own.leases.usable, len(given_up), caplog.text.count("Redis refuses")) == (False, 2, 1)
    own.clock.advance(REST_S)
    assert own.leases.usable
    own.hot.up = False
    assert not own.leases.usable


async def test_tokens_are_never_used_twice_and_processes_differ() -> None:
    """A stream belongs to one."""
    one, other = Own().leases, Own().leases
    assert one.process != other.process
    tokens = {one.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {wire.process_of(token) for token in tokens} == {one.process}


async def test_outcomes_that_nobody_waits_for_are_taken() -> None:
    """Cancelled ones count as failed."""
    loop = asyncio.get_running_loop()
    good, bad, cancelled = (loop.create_future() for _ in range(3))
    good.set_result(1)
    bad.set_exception(RedisDown("gone"))
    cancelled.cancel()
    assert [failed(f) for f in (good, bad, cancelled)] == [False, True, True]
    take(bad)
    own = Own()
    own.leases.refused(RedisRefused("NOPERM"))  # nobody has anything to give up
    own.leases.lost()
    assert own.lost == 1
