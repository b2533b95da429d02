"""First come, first served."""

import asyncio
from time import monotonic

from proxy.core.claims import Outcome, Reading, Slots, Window
from proxy.governance.limits.turns import Turns

FULL = Outcome(Reading(Slots("k", 1), 1), 1.0)
FREE = Outcome()


async def test_they_go_in_their_order() -> None:
    """Each when something is free for it."""
    turns, room, served = Turns(), 0, []

    async def one(n: int) -> None:
        def ask() -> Outcome:
            nonlocal room
            if not room:
                return FULL
            room -= 1
            return FREE

        assert (await turns.take("k", FULL, ask, monotonic() + 5)).refused is None
        served.append(n)

    waiting = [asyncio.ensure_future(one(n)) for n in range(4)]
    await asyncio.sleep(0)
    assert len(turns) == 4
    waiting[1].cancel()
    for _ in range(3):
        room += 1
        turns.freed()
        await asyncio.sleep(0.01)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert served == [0, 2, 3]
    assert not turns.keys


async def test_who_certainly_waits_in_vain_is_refused_at_once() -> None:
    """A window's end is known."""
    full = Outcome(Reading(Window("k", "requests", 1), 1), 50.0)
    began = monotonic()
    assert await Turns().take("k", full, lambda: full, began + 10) is full
    assert monotonic() - began < 1
    assert (await Turns().take("k", FULL, lambda: FULL, monotonic() + 0.03)).refused is not None
