"""Claims of one request, and what becomes of them. (Over sockets and a real Redis: tests/contract/test_contract_j_shared_flight.py.)"""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proxy.cache.flight import HandedOver
from proxy.pipeline.boarding import Boarding
from tests.support.flight_world import KEY, Process, World


class NoL2:
    """Nothing is stored."""

    async def fetch(self, key: bytes, max_age_s: float | None) -> None:
        await asyncio.sleep(0)


def boarding(process: Process) -> tuple[Boarding, list[Any]]:
    """And what its request settles at its end."""
    settle: list[Any] = []
    asked = SimpleNamespace(verdict=SimpleNamespace(max_age_s=None), ctx=SimpleNamespace(settle=settle))
    pipe = SimpleNamespace(cache=NoL2(), flights=process.flights)
    return Boarding(cast("Any", pipe), cast("Any", asked), process.shared, KEY), settle


async def test_a_miss_leads_under_the_lease() -> None:
    """Nobody else does."""
    async with World() as world:
        one, other = world.processes
        mine, _ = boarding(one)
        await mine.fetch()
        assert await mine.theirs() is None
        flight = one.flights.lead(KEY)
        mine.lead(flight)
        theirs, _ = boarding(other)
        await theirs.fetch()
        followed = await theirs.theirs()
        assert followed is not None
        assert followed.tier == "l2"
        assert other.flights.find(KEY) is followed
        theirs.let_go()
        flight.land(None)
        one.flights.end(KEY, flight)
        await world.turns(0.3)


async def test_what_was_claimed_is_let_go_at_the_requests_end() -> None:
    """Also where it was cancelled in between."""
    async with World() as world:
        mine, settle = boarding(world.processes[0])
        await mine.fetch()
        await world.settle()
        assert world.redis.keys(":lease")
        for last in settle:
            last(None)
        mine.let_go()
        await world.settle()
        assert not world.redis.keys(":lease")
        assert len(world.processes[0].shared) == 0


async def test_looking_again_claims_again() -> None:
    """The claim before is let go."""
    async with World() as world:
        mine, _ = boarding(world.processes[0])
        for _ in range(2):
            await mine.fetch()
            assert await mine.theirs() is None
        mine.let_go()
        await world.settle()
        assert [command[0] for command in world.redis.commands].count("RELEASE") == 2


async def test_a_call_that_came_and_went_meanwhile_is_looked_for_again() -> None:
    """Another request of this process led it under the claim that both waited for."""
    async with World() as world:
        one = world.processes[0]
        (mine, _), (second, _) = boarding(one), boarding(one)
        await asyncio.gather(mine.fetch(), second.fetch())
        assert await mine.theirs() is None
        flight = one.flights.lead(KEY)
        mine.lead(flight)
        assert await second.theirs() is flight
        flight.land(None)
        one.flights.end(KEY, flight)
        with pytest.raises(HandedOver):
            await second.theirs()
        second.let_go()
        await world.settle()


async def test_without_a_claim_it_leads_alone() -> None:
    """Redis is away."""
    async with World() as world:
        one = world.processes[0]
        one.hot.up = False
        mine, _ = boarding(one)
        await mine.fetch()
        assert await mine.theirs() is None
        mine.lead(one.flights.lead(KEY))
        assert len(one.shared) == 0
