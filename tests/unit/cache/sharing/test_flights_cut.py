"""Shared flights when anything goes wrong at any point: processes killed or cut off before each of their commands, and whatever else can
happen, in any order."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.flight_world import World, finished, truthful


async def scenario(world: World) -> None:
    """Something of everything, for cuts: two followers elsewhere, one late, one that leaves, a second call after the first."""
    one, other, third = world.processes
    one.ask()
    await world.settle()
    first = other.ask()
    other.ask(whole=True)
    await world.turns(0.06)
    for n in range(3):
        for call in world.live_calls():
            call.say()
        if n == 1:
            third.ask()
            one.leave(one.requests[0][0])
        await world.turns(0.06)
    other.leave(first)
    for call in world.live_calls():
        call.land()
    await world.turns(0.1)


async def test_killed_before_every_command() -> None:
    """Any process, before any of its commands: nobody waits for ever, no text is mixed, the rest of the world is answered."""
    async with World(3) as world:
        await scenario(world)
        sent = [process.hot.sent for process in world.processes]
    assert min(sent) > 5
    for victim, count in enumerate(sent):
        for cut in range(count):
            async with World(3) as world:
                process = world.processes[victim]
                process.hot.dies_at = cut
                await scenario(world)
                process.kill()
                await finished(world)
                truthful(world)
                await world.turns(1.5)
                assert not any(len(p.shared) for p in world.processes if p.alive)


async def test_cut_off_from_redis_before_every_command() -> None:
    """The same for a link that breaks, and comes back half a second later."""
    async with World(3) as world:
        await scenario(world)
        sent = [process.hot.sent for process in world.processes]
    for victim, count in enumerate(sent):
        for cut in range(count):
            async with World(3) as world:
                hot = world.processes[victim].hot
                hot.cut_at = cut
                await scenario(world)
                await world.turns(0.5)
                hot.cut_at = None
                await finished(world)
                truthful(world)
                await world.turns(1.5)
                assert not any(len(p.shared) for p in world.processes)


ACTIONS = ("ask", "ask whole", "leave", "say", "land", "fail", "hand over", "kill", "down", "up", "wait", "wait long", "flush")


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 7)), max_size=25))
def test_whatever_happens_nobody_waits_for_ever_and_no_text_is_mixed(steps: list[tuple[str, int]]) -> None:
    """Three processes, a Redis that goes, comes and forgets, clients that leave, calls that end in each way."""

    async def run() -> None:
        async with World(3) as world:
            for action, n in steps:
                await act(world, action, n)
                truthful(world)
            for process in world.processes:
                process.hot.up = True
            await finished(world)
            truthful(world)
            await world.turns(12)
            alive = [process for process in world.processes if process.alive]
            assert not any(len(process.shared) or len(process.flights) for process in alive)
            if len(alive) == len(world.processes):
                assert not world.redis.keys(":lease")

    asyncio.run(run())


async def act(world: World, action: str, n: int) -> None:
    process = world.processes[n % 3]
    calls = world.live_calls()
    if action.startswith("ask") and process.alive:
        process.ask(whole=action == "ask whole")
        await world.settle()
    elif action == "leave" and process.requests:
        process.leave(process.requests[n % len(process.requests)][0])
        await world.settle()
    elif action in ("say", "land", "fail", "hand over") and calls:
        call = calls[n % len(calls)]
        if action in ("say", "land"):
            (call.say if action == "say" else call.land)()
        else:
            call.fail(handover=action == "hand over")
        await world.settle()
    elif action == "kill" and sum(p.alive for p in world.processes) > 1:
        process.kill()
    elif action in ("down", "up"):
        process.hot.up = action == "up"
    elif action == "flush":
        world.redis._values.clear()
    elif action.startswith("wait"):
        await world.turns(0.02 * (n + 1) * (20 if action == "wait long" else 1))
