"""What holds while Redis is gone. Over gateways and a real one: tests/contract/test_contract_g_shared.py."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy.core.claims import Amounts, Group, Outcome, Spend, Window
from proxy.core.clock import SystemClock
from proxy.core.errors import Unavailable
from proxy.storage.hot.admission import Recount
from proxy.storage.hot.admission_guarded import GuardedAdmission, GuardedRules, Lately
from proxy.storage.hot.admission_memory import MemoryAdmission
from proxy.storage.hot.admission_redis import RedisAdmission
from proxy.storage.hot.board import LocalBoard
from proxy.storage.hot.fleet import Fleet
from proxy.storage.hot.redis import RedisHot
from tests.support.eventually import eventually
from tests.support.hot import opened
from tests.support.valkey import Valkey

SPEND = Spend("TENANT:t:total", 100)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


class Guarded:
    def __init__(self, hot: RedisHot, places: int, **how: Any) -> None:
        self.hot = hot
        self.clock = SystemClock()
        board = LocalBoard(self.clock)
        fleet = Fleet(board, lambda: True, "0")
        fleet._members = tuple(str(n) for n in range(places))
        self.store = GuardedAdmission(RedisAdmission(hot), hot, MemoryAdmission(self.clock), fleet, **how)

    def rules(self, *claims: Window | Spend) -> GuardedRules:
        return self.store.prepare((Group("t", claims),))

    async def passing(self, rules: GuardedRules, n: int, prefix: str = "r", amounts: Amounts | None = None) -> int:
        """Of n claims, how many are not refused."""
        outcomes = [await self.store.claim(rules, f"{prefix}{i}", amounts or Amounts()) for i in range(n)]
        return sum(outcome.refused is None and not outcome.missing for outcome in outcomes)

    async def restored(self, rules: GuardedRules, name: str, amounts: Amounts, ledger: int) -> Outcome:
        outcome = await self.store.claim(rules, name, amounts)
        for spend in outcome.missing:
            await self.store.restore(spend, "t", ledger)
            outcome = await self.store.claim(rules, name, amounts)
        return outcome


@asynccontextmanager
async def guarded(valkey: Valkey, places: int = 3, **how: Any) -> AsyncIterator[Guarded]:
    async with opened(valkey.url, op_timeout_s=0.5) as hot:
        yield Guarded(hot, places, **how)


async def test_a_process_has_its_share_and_what_it_used_before_counts(valkey: Valkey) -> None:
    """Of 10 among three, the first has 4; 3 of them it has had from Redis."""
    async with guarded(valkey) as g:
        rules = g.rules(Window("k", "requests", 10))
        assert await g.passing(rules, 3) == 3
        valkey.kill()
        assert await g.passing(rules, 5, "out") == 1
        outcome = await g.store.claim(rules, "x", Amounts())
        assert outcome.refused is not None
        assert [reading.claim for reading in outcome.readings] == [Window("k", "requests", 4)]
        assert (await g.store.read(rules)).readings[0].used == 4
        assert g.store.lost
        valkey.start()
        await eventually(lambda: g.hot.available and g.hot.connected)
        assert await g.passing(rules, 5, "back") == 0  # Redis came back empty: both have to agree for a while
        other = g.rules(Window("other", "requests", 10))
        assert await g.passing(other, 9, "other") == 4
        assert not g.store.lost


async def test_redis_alone_counts_while_it_is_there(valkey: Valkey) -> None:
    """Shares are for outages."""
    async with guarded(valkey) as g:
        assert await g.passing(g.rules(Window("k", "requests", 10)), 12) == 10


async def test_deny_and_allow(valkey: Valkey) -> None:
    """503, or no limits at all."""
    async with guarded(valkey, on_loss="deny") as g:
        valkey.kill()
        rules = g.rules(Window("k", "requests", 1))
        with pytest.raises(Unavailable) as refused:
            await g.store.claim(rules, "a", Amounts())
        assert (refused.value.status, refused.value.code) == (503, "redis_unavailable")
        g.store.on_loss = "allow"
        assert await g.passing(rules, 5) == 5


async def test_money_goes_by_the_ledger_and_redis_is_told_afterwards(valkey: Valkey) -> None:
    """A stalled Redis kept what it had: what was spent meanwhile is added."""
    async with guarded(valkey, places=1) as g:
        rules = g.rules(SPEND)
        assert (await g.restored(rules, "a", Amounts(nanos=10), 30)).refused is None
        await g.store.settle(rules, "a", Amounts(nanos=10))
        valkey.stall()
        try:
            assert (await g.restored(rules, "b", Amounts(nanos=20), 40)).refused is None
            assert (await g.restored(rules, "c", Amounts(nanos=50), 40)).refused is not None
            outcome = await g.store.settle(rules, "b", Amounts(nanos=15))
            assert [reading.used for reading in outcome.readings] == [55]
        finally:
            valkey.resume()
        await eventually(lambda: g.hot.available and g.hot.connected)
        await g.store.claim(rules, "d", Amounts(nanos=1))
        await g.store.settle(rules, "d", Amounts())
        read = await g.store.read(rules)
        assert [(reading.used, reading.reserved) for reading in read.readings] == [(55, 0)]


async def test_a_request_that_outlives_the_outage_is_paid_for_in_redis(valkey: Valkey) -> None:
    """It was let through without Redis, and ends when Redis counts again."""
    async with guarded(valkey, places=1) as g:
        rules = g.rules(SPEND)
        assert (await g.restored(rules, "a", Amounts(nanos=1), 30)).refused is None
        await g.store.settle(rules, "a", Amounts())
        valkey.stall()
        try:
            assert (await g.restored(rules, "b", Amounts(nanos=20), 30)).refused is None
        finally:
            valkey.resume()
        await eventually(lambda: g.hot.available and g.hot.connected)
        await g.store.claim(rules, "c", Amounts(nanos=1))
        await g.store.settle(rules, "c", Amounts())
        await g.store.settle(rules, "b", Amounts(nanos=15))
        read = await g.store.read(rules)
        assert [(reading.used, reading.reserved) for reading in read.readings] == [(45, 0)]


async def test_what_is_left_of_a_budget_is_divided(valkey: Valkey) -> None:
    """Of the 60 that are left, each of three processes may spend 20: nobody knows what the others spend in an outage."""
    async with guarded(valkey, places=3) as g:
        rules = g.rules(SPEND)
        valkey.kill()
        assert (await g.restored(rules, "a", Amounts(nanos=15), 40)).refused is None
        assert (await g.restored(rules, "b", Amounts(nanos=6), 40)).refused is not None
        outcome = await g.store.settle(rules, "a", Amounts(nanos=14))
        assert [reading.used - reading.reserved for reading in outcome.readings] == [54]  # spent is what was spent
        assert (await g.restored(rules, "c", Amounts(nanos=7), 40)).refused is not None
        assert (await g.restored(rules, "d", Amounts(nanos=6), 40)).refused is None


async def test_calls_under_way_elsewhere_are_not_divided_again(valkey: Valkey) -> None:
    """Of 100 nine were spent, its own call had reserved 3 and another's 48 when Redis went: a third of the other 40 is its own, less the 3
    that the others may not know of, and what its own call leaves unused."""
    async with guarded(valkey, places=3) as g:
        rules = g.rules(SPEND)
        other = RedisAdmission(g.hot)
        assert (await g.restored(rules, "mine", Amounts(nanos=3), 9)).refused is None
        assert (await other.claim(other.prepare(rules.groups), "theirs", Amounts(nanos=48))).refused is None
        assert (await g.store.claim(rules, "seen", Amounts(nanos=1))).refused is None
        await g.store.settle(rules, "seen", Amounts(nanos=0))
        valkey.kill()
        assert (await g.restored(rules, "a", Amounts(nanos=11), 9)).refused is not None
        assert (await g.restored(rules, "b", Amounts(nanos=10), 9)).refused is None
        await g.store.settle(rules, "mine", Amounts(nanos=1))
        assert (await g.restored(rules, "c", Amounts(nanos=3), 9)).refused is not None
        assert (await g.restored(rules, "d", Amounts(nanos=2), 9)).refused is None


@pytest.mark.parametrize("settled", [False, True])
async def test_what_others_do_not_know_of_is_taken_from_the_own_share(valkey: Valkey, settled: bool) -> None:
    """One process asked Redis before the other reserved 40, or spent them, and the ledger has nothing of it: the two stay within 100."""
    async with guarded(valkey, places=2) as one, guarded(valkey, places=2) as other:
        theirs, mine = other.rules(SPEND), one.rules(SPEND)
        assert (await one.restored(mine, "early", Amounts(nanos=1), 9)).refused is None
        assert (await other.store.claim(theirs, "late", Amounts(nanos=40))).refused is None
        if settled:
            await other.store.settle(theirs, "late", Amounts(nanos=40))
        valkey.kill()
        spent = 9 + 1 + 40
        for n in range(100):
            for g, rules in ((one, mine), (other, theirs)):
                spent += (await g.restored(rules, f"out{n}", Amounts(nanos=1), 9)).refused is None
        assert 80 <= spent <= 100


def test_what_was_spent_a_while_ago_is_in_the_ledger() -> None:
    """And does not come off the share again."""
    seconds = [1000.0]
    lately = Lately(lambda: seconds[0])
    lately.add([(SPEND, "t")], 5)
    seconds[0] += 1.9
    lately.add([(SPEND, "t")], 2)
    assert lately.of("t", SPEND) == 7
    seconds[0] += 0.2
    assert lately.of("t", SPEND) == 7  # for twice the time at most
    lately.add([(SPEND, "t")], 1)
    seconds[0] += 2.0
    assert lately.of("t", SPEND) == 1
    seconds[0] += 4.0
    assert lately.of("t", SPEND) == 0


async def test_a_counter_that_was_rebuilt_gets_what_comes_late_once(valkey: Valkey) -> None:
    """Redis came back empty: of what began before, the ledger tells the rest, whoever settles what here."""
    ledger = [30]
    async with guarded(valkey) as g:
        rules = g.rules(SPEND)

        async def told() -> int:
            return ledger[0]

        async def used() -> int:
            return sum(reading.used for reading in (await g.store.read(rules)).readings)

        await g.store.restore(SPEND, "t", 30, Recount(1000, told))
        for name, began, nanos in (("early", 999.9, 8), ("late", 1000.0, 2)):
            assert (await g.store.claim(rules, name, Amounts(nanos=10))).refused is None
            await g.store.settle(rules, name, Amounts(nanos=nanos, began=began))
        assert await used() == 40
        g.store._tell(("t", SPEND, 999), 5)  # spent elsewhere in the outage
        g.store._tell(("t", SPEND, 1000), 1)
        assert await used() == 41
        for ledger[0], expected in ((30, 41), (37, 41), (43, 46), (43, 46)):
            g.store._recounts = [(0.0, SPEND, "t", Recount(1000, told))]
            await g.store._recount()
            assert await used() == expected
        g.store._recounts = [(0.0, SPEND, "t", Recount(1001, told))]  # of a process that was not the first to restore
        await g.store._recount()
        assert await used() == 46


async def test_only_who_restored_a_counter_looks_again(valkey: Valkey) -> None:
    async def told() -> int:
        raise Unavailable("away")

    async with guarded(valkey) as g:
        await g.store.restore(SPEND, "t", 30, Recount(1000, told))
        assert len(g.store._recounts) == 3
        await g.store.restore(SPEND, "t", 50, Recount(1001, told))
        assert len(g.store._recounts) == 3
        g.store._recounts = [(0.0, SPEND, "t", Recount(1000, told))]
        await g.store._recount()
        assert len(g.store._recounts) == 1  # once more, since the ledger could not say


@pytest.mark.parametrize(("how", "passes"), [("deny", False), ("allow", True)])
async def test_other_ways_for_money(valkey: Valkey, how: str, passes: bool) -> None:
    """503, or uncounted."""
    async with guarded(valkey, on_money_loss=how) as g:
        valkey.kill()
        rules = g.rules(SPEND)
        if passes:
            assert await g.passing(rules, 3, amounts=Amounts(nanos=60)) == 3
        else:
            with pytest.raises(Unavailable):
                await g.store.claim(rules, "a", Amounts(nanos=1))
