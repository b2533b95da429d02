"""What is asked of Redis for the calls that are followed."""

import asyncio

from proxy.cache.flight import Flight, HandedOver
from proxy.cache.sharing import wire
from proxy.cache.sharing.follow import CHECK_S
from tests.support.fake_hot import FakeHot
from tests.support.flight_world import KEY, World


async def followed(world: World) -> Flight:
    """A call of the first process, at the second."""
    one, other = world.processes
    one.ask()
    await world.settle()
    other.ask()
    await world.settle()
    flight = other.flights.find(KEY)
    assert flight is not None
    return flight


async def test_one_beat_is_asked_for_all_calls_of_a_leader() -> None:
    """And one inbox is written to."""
    async with World() as world:
        other = world.processes[1]
        for n in range(10):
            other.shared._follows.add(bytes([n]) * 32, f"leader.{n}")
        other.shared.turn()
        names = [(command[0], command[1]) for command in world.redis.commands]
        assert [name for name, key in names if key.endswith(":beat")] == ["GET"]
        assert len([name for name, _ in names if name == "POST"]) == 1
        assert len([name for name, key in names if key.endswith(":lease")]) == 10


async def test_a_call_that_is_followed_already_is_not_followed_again() -> None:
    """Its flight here has lost its beginning: alone."""
    async with World() as world:
        flight = await followed(world)
        assert flight.tier == "l2"
        token = next(iter(world.processes[1].shared._follows._follows))
        assert world.processes[1].shared._follows.add(KEY, token) is None


async def test_leaving_says_so_at_once() -> None:
    """Not where Redis is away."""
    async with World() as world:
        other = world.processes[1]
        await followed(world)
        request = other.requests[0][0]
        await world.turns()
        other.leave(request)
        await world.settle()
        posted = [command for command in world.redis.commands if command[0] == "POST"]
        want = wire.decode_want(posted[-1][-1])
        assert want is not None
        assert want.leaving
        assert len(other.shared) == 0
        assert other.flights.find(KEY) is None
        again = other.ask()
        await world.settle()
        posted = [command for command in world.redis.commands if command[0] == "POST"]
        other.hot.up = False
        other.leave(again)
        await world.settle()
        assert len([command for command in world.redis.commands if command[0] == "POST"]) == len(posted)


async def test_a_beat_that_is_answered_after_its_leases_is_waited_for() -> None:
    """As from another node of a cluster."""
    async with World() as world:
        other = world.processes[1]
        await followed(world)
        beat: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        class Late(FakeHot):
            def get(self, key: str | bytes) -> "asyncio.Future[bytes | None]":
                return beat if str(key).endswith(":beat") else super().get(key)

        other.shared._leases.hot = Late(world.redis)
        world.clock.advance(CHECK_S)
        other.shared.turn()
        await world.settle()
        follow = next(iter(other.shared._follows._follows.values()))
        assert follow.checking
        beat.set_result(b"1")
        await world.settle()
        assert not follow.checking


async def test_giving_up_hands_everybody_over() -> None:
    """At once."""
    async with World() as world:
        flight = await followed(world)
        reader = flight.join()
        world.processes[1].shared._follows.give_up()
        try:
            await reader.next()
        except HandedOver:
            return
        raise AssertionError


async def test_what_is_remembered_of_gone_calls_is_forgotten() -> None:
    """With the lease that they may have left."""
    async with World() as world:
        await followed(world)
        world.processes[0].kill()
        await world.turns(1)
        follows = world.processes[1].shared._follows
        assert follows.replaceable(KEY).startswith(world.processes[0].shared.process)
        await world.turns(11)
        assert follows.replaceable(KEY) == ""
