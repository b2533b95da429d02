"""How many calls a target may have."""

import asyncio
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.gate import Gate, GateRules


def test_places_are_bounded_and_come_back() -> None:
    """At the same time."""
    gate = Gate(GateRules(concurrency=2))
    assert [bool(gate.enter(0.0)) for _ in range(3)] == [True, True, False]
    gate.leave()
    assert gate.enter(0.0)


def test_calls_a_minute_are_bounded_in_any_minute() -> None:
    """Also when they are over."""
    gate = Gate(GateRules(rpm=2))
    assert [bool(gate.enter(at)) for at in (0.0, 30.0, 59.9)] == [True, True, False]
    gate.leave()
    assert [bool(gate.enter(at)) for at in (59.9, 60.0, 60.1, 90.0)] == [False, True, False, True]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.floats(0, 30), max_size=80), st.integers(1, 5))
def test_never_more_than_the_limit_in_any_window(gaps: list[float], rpm: int) -> None:
    """Whenever they come."""
    gate, now, entered = Gate(GateRules(rpm=rpm)), 0.0, []
    for gap in gaps:
        now += gap
        if gate.enter(now):
            entered.append(now)
    assert all(sum(start <= at < start + 60.0 for at in entered) <= rpm for start in entered)


async def test_who_waits_is_served_in_order_before_anybody_new() -> None:
    """And takes the place that was left."""
    gate, order = Gate(GateRules(concurrency=1, queue=2, queue_wait_s=10)), []
    assert gate.enter(monotonic())

    async def waiting(name: str) -> None:
        assert await gate.wait(monotonic() + 10)
        order.append(name)
        gate.leave()

    tasks = [asyncio.create_task(waiting(name)) for name in "ab"]
    await asyncio.sleep(0)
    assert gate.waiting == 2
    assert not gate.enter(monotonic())
    assert not await gate.wait(monotonic() + 10), "the queue is full"
    gate.leave()
    await asyncio.gather(*tasks)
    assert (order, gate.inside, gate.waiting) == (["a", "b"], 0, 0)


@pytest.mark.parametrize(("queue_wait_s", "deadline_s"), [(0.01, 10.0), (10.0, 0.01), (10.0, -1.0)])
async def test_a_wait_in_vain_leaves_nothing_behind(queue_wait_s: float, deadline_s: float) -> None:
    """By the queue's own time, or the request's."""
    gate = Gate(GateRules(concurrency=1, queue=1, queue_wait_s=queue_wait_s))
    assert gate.enter(monotonic())
    assert not await gate.wait(monotonic() + deadline_s)
    gate.leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_a_client_that_leaves_the_queue_leaves_its_place() -> None:
    """Also one that it has just been given."""
    gate = Gate(GateRules(concurrency=1, queue=2, queue_wait_s=10))
    assert gate.enter(monotonic())
    waiting, given = (asyncio.create_task(gate.wait(monotonic() + 10)) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.leave()
    given.cancel()
    await asyncio.gather(given, return_exceptions=True)
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_time_alone_makes_room_for_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is the minute that is full."""
    monkeypatch.setattr("proxy.routing.room.MINUTE_S", 0.05)
    gate = Gate(GateRules(rpm=1, queue=1, queue_wait_s=10))
    assert gate.enter(monotonic())
    gate.leave()
    assert await gate.wait(monotonic() + 10)


async def test_calls_that_take_longer_than_a_minute_keep_nobody_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is the calls under way that fill the gate, no time makes room: there is no timer that looks again and again."""
    monkeypatch.setattr("proxy.routing.room.MINUTE_S", 0.01)
    gate = Gate(GateRules(concurrency=1, rpm=5, queue=1, queue_wait_s=0.1))
    looks: list[float] = []
    assert gate.enter(monotonic())
    look = gate._look_again_at

    def counted(now: float) -> float | None:
        looks.append(now)
        return look(now)

    monkeypatch.setattr(gate, "_look_again_at", counted)
    await asyncio.sleep(0.02)
    assert not await gate.wait(monotonic() + 1)
    assert len(looks) < 5
