"""Shared flights as a whole: processes over one Redis in memory. (Cut and killed at every step: test_flights_cut.py.)"""

import asyncio

import pytest

from proxy.cache.flight import KEPT_BYTES
from proxy.cache.sharing import wire
from proxy.cache.sharing.leads import RENEW_S
from proxy.cache.sharing.leases import LEASE_S, REST_S
from tests.support.flight_world import KEY, Request, World, finished, truthful


async def begun(world: World, *, whole: bool = False, n: int = 1) -> tuple[Request, list[Request]]:
    """A leader at the first process, and `n` followers at the second."""
    one, other = world.processes[:2]
    leader = one.ask()
    await world.settle()
    followers = [other.ask(whole=whole) for _ in range(n)]
    await world.settle()
    assert len(world.calls) == 1
    return leader, followers


@pytest.mark.parametrize("whole", [False, True])
async def test_another_process_joins_and_gets_everything(whole: bool) -> None:
    """With the target that answers and what was dropped."""
    async with World() as world:
        leader, followers = await begun(world, whole=whole, n=3)
        await world.turns()
        for _ in range(3):
            world.calls[0].say()
            await world.turns()
        world.calls[0].land()
        await world.turns(0.1)
        assert [(r.end, r.shown) for r in (leader, *followers)] == [("landed", "<0.0><0.1><0.2>")] * 4
        flight = followers[0].flight
        assert flight is not None
        assert (flight.provider, flight.model, flight.dropped, flight.tier) == ("p", "m", ["tools"], "l2")
        assert flight.landed is not None
        assert flight.landed.tail == b"tail"
        assert [r.joined for r in followers] == [1, 1, 1]
        assert not world.redis.keys(":lease")


async def test_nothing_is_published_until_it_is_wanted() -> None:
    """A call that nobody shares costs a claim and a release."""
    async with World() as world:
        world.processes[0].ask()
        await world.settle()
        for _ in range(5):
            world.calls[0].say()
            await world.turns(0.1)
        world.calls[0].land()
        await world.settle()
        names = [command[0] for command in world.redis.commands]
        assert "PUBLISH" not in names
        assert (names.count("CLAIM"), names.count("RELEASE")) == (1, 1)


async def test_a_claim_is_shared_by_the_requests_that_wait_for_it() -> None:
    """A hundred at once at one process ask Redis once."""
    async with World() as world:
        for _ in range(100):
            world.processes[0].ask()
        await world.settle()
        assert [command[0] for command in world.redis.commands].count("CLAIM") == 1
        assert len(world.calls) == 1
        await finished(world)


async def test_an_outcome_is_told_to_who_wanted_it_a_moment_too_late() -> None:
    """The want is under way when the call ends: no second call."""
    async with World() as world:
        _, (follower,) = await begun(world)
        world.processes[1].shared.turn()  # tells the leader, which does not look before it ends
        world.calls[0].say()
        world.calls[0].land()
        await world.turns(0.2)
        assert (follower.end, follower.shown, len(world.calls)) == ("landed", "<0.0>", 1)


async def test_who_comes_after_the_end_makes_its_own_call() -> None:
    """The lease went back with it."""
    async with World() as world:
        world.processes[0].ask()
        await finished(world)
        world.processes[1].ask()
        await world.settle()
        assert len(world.calls) == 2


async def test_an_error_is_everybodys() -> None:
    """The same, also elsewhere."""
    async with World() as world:
        _, (follower,) = await begun(world)
        await world.turns()
        world.calls[0].fail()
        await world.turns(0.1)
        assert follower.error is not None
        assert (follower.end, follower.error.message, follower.error.blame) == ("error", "broken", "provider")


async def test_a_leader_that_goes_before_content_hands_over() -> None:
    """One of the waiting leads, at whichever process; the others join it."""
    async with World(3) as world:
        _, followers = await begun(world, n=2)
        more = world.processes[2].ask()
        await world.turns()
        world.calls[0].fail(handover=True)
        await world.turns(0.2)
        assert len(world.calls) == 2
        await finished(world)
        assert {r.shown for r in (*followers, more)} == {"<1.0>"}


async def test_the_call_lives_while_somebody_elsewhere_reads() -> None:
    """Also for long after the leader's client has left; it ends with the last."""
    async with World() as world:
        leader, (follower,) = await begun(world)
        await world.turns()
        world.calls[0].say()
        world.processes[0].leave(leader)
        await world.turns(3)
        assert not world.calls[0].cancelled
        world.processes[1].leave(follower)
        await world.turns(0.06)
        assert world.calls[0].cancelled


async def test_the_call_ends_when_the_process_that_followed_is_killed() -> None:
    """It says nothing any more: within a second."""
    async with World() as world:
        leader, _ = await begun(world)
        await world.turns()
        world.processes[0].leave(leader)
        await world.turns(0.5)
        assert not world.calls[0].cancelled
        world.processes[1].kill()
        await world.turns(1)
        assert world.calls[0].cancelled


async def test_a_loop_that_was_held_up_finds_its_followers_there() -> None:
    """What they said meanwhile is heard before anybody is missed."""
    async with World() as world:
        leader, _ = await begun(world)
        await world.turns()
        world.processes[0].leave(leader)
        await world.turns(0.3)
        for _ in range(25):
            world.clock.advance(0.02)
            world.processes[1].shared.turn()
            await world.settle()
        world.clock.advance(0.4)
        world.processes[0].shared.turn()
        await world.settle()
        assert not world.calls[0].cancelled


async def test_following_may_stop_and_begin_again() -> None:
    """What was published stays; publishing goes on where it stopped."""
    async with World() as world:
        leader, (follower,) = await begun(world)
        await world.turns()
        world.calls[0].say()
        await world.turns()
        world.processes[1].leave(follower)
        await world.turns(0.1)
        world.calls[0].say()
        again = world.processes[1].ask()
        await world.turns(0.2)
        world.calls[0].say()
        world.calls[0].land()
        await world.turns(0.2)
        assert (leader.shown, again.shown, len(world.calls)) == ("<0.0><0.1><0.2>", "<0.0><0.1><0.2>", 1)


@pytest.mark.parametrize("said", [0, 2])
async def test_a_killed_leader_is_noticed_within_a_second(said: int) -> None:
    """Who has shown content is told; who has not looks again, and one of them leads."""
    async with World(3) as world:
        _, (stream,) = await begun(world)
        whole = world.processes[2].ask(whole=True)
        await world.turns(0.06)
        for _ in range(said):
            world.calls[0].say()
            await world.turns(0.06)
        world.processes[0].kill()
        await world.turns(0.9)
        assert len(world.calls) == 2
        await finished(world)
        if said:
            assert (stream.end, stream.shown) == ("error", "<0.0><0.1>")
            assert stream.error is not None
            assert stream.error.code == "stream_truncated"
        else:
            assert (stream.end, stream.shown) == ("landed", world.calls[1].text)
        assert (whole.end, whole.shown) == ("landed", world.calls[1].text)
        truthful(world)


async def test_a_lease_that_a_killed_leader_left_costs_the_next_request_little() -> None:
    """It is taken over once its owner has no beat."""
    async with World() as world:
        world.processes[0].ask()
        await world.settle()
        world.processes[0].kill()
        await world.turns(2)
        world.processes[1].ask()
        await world.turns(0.2)
        assert len(world.calls) == 2
        assert world.redis.keys(":lease")  # the new one's
        await finished(world)
        assert not world.redis.keys(":lease")


async def test_leases_of_long_calls_are_renewed() -> None:
    """A minute; a request elsewhere still joins, from the beginning."""
    async with World() as world:
        _, (first,) = await begun(world)
        await world.turns()
        world.calls[0].say()
        await world.turns(6 * LEASE_S)
        late = world.processes[1].ask()
        third = world.processes[1].ask(whole=True)
        await finished(world)
        assert {first.shown, late.shown, third.shown} == {"<0.0><0.1>"}
        assert len(world.calls) == 1
        assert world.processes[0].lost == 0


async def test_a_lease_that_another_took_is_let_go() -> None:
    """As after a stall in which its beat ended: both calls go on, each for its own process, and it is counted."""
    async with World() as world:
        leader = world.processes[0].ask()
        await world.settle()
        name = world.redis.keys(":lease")[0]
        world.redis.set(name, b"somebody.1")
        await world.turns(RENEW_S + 0.1)
        assert world.processes[0].lost == 1
        assert world.redis.run("GET", name) == b"somebody.1"
        world.calls[0].say()
        world.calls[0].land()
        await world.settle()
        assert leader.shown == "<0.0>"


async def test_a_restarted_redis_that_forgot_everything_loses_no_call() -> None:
    """The lease is set again with its renewal."""
    async with World() as world:
        world.processes[0].ask()
        await world.settle()
        world.redis._values.clear()
        await world.turns(RENEW_S + 0.1)
        assert world.redis.keys(":lease")
        await finished(world)


async def test_a_lease_that_could_not_be_given_back_is_later() -> None:
    """Redis was away when the call ended."""
    async with World() as world:
        one = world.processes[0]
        one.ask()
        await world.settle()
        one.hot.up = False
        world.calls[0].land()
        await world.turns(0.1)
        assert world.redis.keys(":lease")
        one.hot.up = True
        await world.turns(0.5)
        assert not world.redis.keys(":lease")


async def test_a_want_for_a_call_that_is_no_more_frees_its_lease() -> None:
    """However it came to stand there."""
    async with World() as world:
        one = world.processes[0]
        one.ask()
        await world.settle()
        world.redis.set(world.redis.keys(":lease")[0].replace(KEY.hex(), "00" * 32), f"{one.shared.process}.77".encode())
        want = wire.encode(wire.Want(bytes(32), f"{one.shared.process}.77", "x"))
        world.redis.set(wire.Names("llm-edge:").inbox(one.shared.process), [b"no message", want])
        await world.turns(0.1)
        assert len(world.redis.keys(":lease")) == 1


async def test_an_own_lease_without_a_call_is_freed_and_the_call_made() -> None:
    """Its release was lost for longer than was tried."""
    async with World() as world:
        one = world.processes[0]
        world.redis.set(f"llm-edge:fl1:{{{KEY.hex()}}}:lease", f"{one.shared.process}.99".encode())
        one.ask()
        await world.settle()
        assert len(world.calls) == 1
        assert not world.redis.keys(":lease")


async def test_a_claim_without_an_answer_is_a_call_of_ones_own() -> None:
    """Shared within the process; the lease that it may have got is given back."""
    async with World() as world:
        one = world.processes[0]
        one.hot.silent = lambda name: name == "CLAIM"
        requests = [one.ask() for _ in range(3)]
        await world.settle()
        assert len(world.calls) == 1
        assert world.redis.keys(":lease")
        await world.turns(0.5)
        assert not world.redis.keys(":lease")
        await finished(world)
        assert {r.shown for r in requests} == {"<0.0>"}


@pytest.mark.parametrize("name", ["CLAIM", "LPOP", "POST", "XRANGE", "PUBLISH"])
async def test_a_refused_command_ends_the_sharing_and_loses_nobody(name: str) -> None:
    """At whichever process; for a while nothing is claimed there."""
    async with World() as world:
        for process in world.processes:
            process.hot.refuses = name
        one, other = world.processes
        requests = [one.ask(), other.ask(), other.ask(whole=True)]
        await world.turns(0.3)
        assert len(world.calls) >= 1
        await finished(world)
        assert {r.end for r in requests} == {"landed"}
        truthful(world)
        if name != "PUBLISH":
            process = other if name in ("POST", "XRANGE") else one
            assert process.shared.claim(KEY) is None  # rests
            process.hot.refuses = None
            world.clock.advance(REST_S)
            claim = process.shared.claim(KEY)
            assert claim is not None
            claim.drop()


async def test_a_write_whose_answer_was_lost_is_made_again() -> None:
    """And not twice: its number tells."""
    async with World() as world:
        _, (follower,) = await begun(world)
        await world.turns()
        lost = iter([True])
        world.processes[0].hot.silent = lambda name: name == "PUBLISH" and next(lost, False)
        world.calls[0].say()
        await world.settle()
        await asyncio.sleep(0.1)
        world.calls[0].say()
        await world.turns()
        world.calls[0].land()
        await world.turns(0.1)
        assert (follower.end, follower.shown) == ("landed", "<0.0><0.1>")


async def test_a_call_that_cannot_be_published_is_given_up_to_the_others() -> None:
    """Who had content is told; who had none makes a call of its own."""
    async with World() as world:
        leader, (stream,) = await begun(world)
        await world.turns()
        world.calls[0].say()
        await world.turns(0.1)
        assert stream.shown == "<0.0>"
        world.processes[0].hot.refuses = "PUBLISH"
        whole = world.processes[1].ask(whole=True)
        world.calls[0].say()
        await world.turns(0.5)
        assert stream.end == "error"
        await finished(world)
        assert (whole.end, whole.shown) == ("landed", world.calls[1].text)
        assert leader.end == "landed"


@pytest.mark.parametrize("shown", [False, True])
async def test_redis_going_is_noticed_by_followers(shown: bool) -> None:
    """At once by those that have shown nothing, which make a call of their own; within a second by the others."""
    async with World() as world:
        _, (follower,) = await begun(world)
        await world.turns(0.1)
        if shown:
            world.calls[0].say()
            await world.turns(0.1)
        for process in world.processes:
            process.hot.up = False
        await world.turns(1 if shown else 0.02)
        assert follower.end == ("error" if shown else "")
        assert len(world.calls) == (1 if shown else 2)
        await finished(world)
        truthful(world)


async def test_a_short_pause_of_redis_costs_a_stream_nothing() -> None:
    """Half a second; it goes on where it was."""
    async with World() as world:
        _, (follower,) = await begun(world)
        await world.turns()
        world.calls[0].say()
        await world.turns(0.1)
        world.processes[1].hot.up = False
        await world.turns(0.5)
        world.processes[1].hot.up = True
        world.calls[0].say()
        await world.turns(0.1)
        world.calls[0].land()
        await world.turns(0.1)
        assert (follower.end, follower.shown) == ("landed", "<0.0><0.1>")


async def test_a_call_whose_beginning_is_gone_is_led_anew() -> None:
    """More than is kept has been let go: the next request makes its own call, alone, and waits for nothing."""
    async with World() as world:
        _, (follower,) = await begun(world)
        await world.turns()
        block = "x" * (KEPT_BYTES // 4)
        for n in range(6):
            world.calls[0].said.append(f"{n}{block}")
            world.calls[0].flight.publish(world.calls[0].said[-1].encode())
            await world.turns(0.1)
        assert follower.shown == world.calls[0].text
        late = world.processes[1].ask()
        third = world.processes[0].ask()
        await world.turns(0.2)
        assert len(world.calls) >= 2
        await finished(world)
        assert (late.end, third.end, follower.end) == ("landed", "landed", "landed")
        truthful(world)


async def test_closing_gives_back_what_is_held() -> None:
    """Leases go, followers are handed over, nothing is claimed any more."""
    async with World() as world:
        leader, (follower,) = await begun(world)
        await world.turns()
        await world.processes[0].shared.close()
        assert world.processes[0].shared.claim(KEY) is None
        assert not world.redis.keys(":lease")
        await world.turns(0.5)
        assert len(world.calls) == 2
        await world.processes[1].shared.close()
        await finished(world)
        assert {leader.end, follower.end} == {"landed"}
