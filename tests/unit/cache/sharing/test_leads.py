"""The inbox, renewals, and calls that have just ended."""

from proxy.cache.sharing import wire
from proxy.cache.sharing.leads import KEPT_S, LINGER_S, RENEW_S
from proxy.core.errors import BadGateway
from tests.support.flight_world import KEY, World


async def test_one_command_a_turn_however_many_calls_there_are() -> None:
    """And none once the last has ended a while ago."""
    async with World() as world:
        one = world.processes[0]
        leads = one.shared._leads
        for n in range(50):
            leads.add(bytes([n]) * 32, f"{one.shared.process}.{n}", one.flights.lead(bytes([n]) * 32))
        await world.turns(0.1)
        names = [command[0] for command in world.redis.commands]
        assert names.count("LPOP") == 5
        assert set(names) == {"LPOP", "SET"}
        leads.give_up()
        assert len(leads) == 0
        await world.turns(LINGER_S + 0.1)
        before = len(world.redis.commands)
        await world.turns(0.2)
        assert (leads.busy, len(world.redis.commands)) == (False, before)


async def test_renewals_come_when_they_are_due() -> None:
    """Each call's own time; streams that exist live longer with them."""
    async with World() as world:
        world.processes[0].ask()
        await world.settle()
        world.processes[1].ask()
        await world.turns(0.1)
        world.calls[0].say()
        await world.turns(0.1)
        names = [command[0] for command in world.redis.commands]
        assert names.count("CLAIM") == 2  # one of each process
        await world.turns(RENEW_S)
        names = [command[0] for command in world.redis.commands]
        assert (names.count("CLAIM"), names.count("PEXPIRE")) == (3, 1)


async def test_an_ended_call_is_kept_for_a_moment() -> None:
    """Then a want for it only frees its lease."""
    async with World() as world:
        one = world.processes[0]
        one.ask()
        await world.settle()
        token = world.redis.run("GET", world.redis.keys(":lease")[0]).decode()
        world.calls[0].say()
        world.calls[0].land()
        await world.settle()
        want = wire.encode(wire.Want(KEY, token, "other"))
        inbox = wire.Names("llm-edge:").inbox(one.shared.process)
        world.redis.set(inbox, [want])
        await world.turns(0.06)
        assert world.redis.keys(token)
        assert not one.shared._leads._ended
        world.redis._values.clear()
        world.redis.set(inbox, [want])
        await world.turns(0.06)
        assert not world.redis.keys(token)


async def test_ended_calls_are_not_kept_for_long() -> None:
    """Nobody wanted it."""
    async with World() as world:
        one = world.processes[0]
        one.ask()
        await world.settle()
        world.calls[0].land()
        await world.turns(KEPT_S + 0.06)
        assert not one.shared._leads._ended


async def test_a_want_for_a_call_that_is_about_to_be_led_waits_for_it() -> None:
    """Something else (a semantic look-up) comes between claim and call; the process says that it lives meanwhile."""
    async with World() as world:
        one, other = world.processes
        claim = one.shared.claim(KEY)
        assert claim is not None
        await world.settle()
        follower = other.ask()
        await world.turns(2)
        assert not world.calls
        flight = one.flights.lead(KEY)
        claim.lead(flight)
        claim.drop()
        flight.publish(b"<own>")
        await world.turns(0.1)
        assert follower.shown == "<own>"
        flight.land(None)
        one.flights.end(KEY, flight)
        await world.turns(0.1)


async def test_a_want_for_a_call_that_is_not_made_after_all_is_forgotten() -> None:
    """The follower leads instead."""
    async with World() as world:
        one, other = world.processes
        claim = one.shared.claim(KEY)
        assert claim is not None
        await world.settle()
        other.ask()
        await world.turns(0.1)
        claim.drop()
        await world.turns(0.5)
        assert [call.process for call in world.calls] == [other]
        assert not one.shared._leads._early
        world.calls[0].land()
        await world.turns(0.1)


async def test_a_call_that_is_replaced_is_over() -> None:
    """It has failed, but its request is not through (a client that reads slowly, a stream that goes on elsewhere): its lease is the next
    call's, is not counted as lost, and is never claimed for it again."""
    async with World() as world:
        one = world.processes[0]
        one.ask()
        await world.settle()
        world.calls[0].say()
        world.calls[0].flight.fail(BadGateway("broken"))
        one.ask()
        await world.settle()
        assert len(world.calls) == 2
        world.calls[1].land()
        world.calls[0].end()
        one.shared._leads.add(b"x" * 32, f"{one.shared.process}.9", one.flights.lead(b"x" * 32))  # so that turns go on
        await world.turns(RENEW_S + LINGER_S)
        assert not world.redis.run("GET", wire.Names("llm-edge:").lease(KEY))
        assert (one.lost, list(one.shared._leads._renewals)) == (0, list(one.shared._leads._leads.values()))
        one.shared._leads.give_up()
