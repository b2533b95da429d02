"""States and their call-backs."""

import asyncio

from proxy.core.lifecycle import Lifecycle


async def test_states_in_order() -> None:
    """starting, ready, draining, stopped; never back."""
    life = Lifecycle()
    assert (life.state, life.is_ready, life.is_draining) == ("starting", False, False)
    life.mark_ready()
    assert (life.state, life.is_ready) == ("ready", True)
    life.begin_drain()
    assert (life.state, life.is_ready, life.is_draining) == ("draining", False, True)
    life.mark_ready()
    assert life.state == "draining"
    life.stop()
    assert (life.state, life.is_draining) == ("stopped", True)


async def test_a_drain_before_ready_stays_one() -> None:
    """A signal during the start."""
    life = Lifecycle()
    life.begin_drain()
    life.mark_ready()
    assert life.is_draining


async def test_drain_is_told_once() -> None:
    """However often it is begun."""
    life, calls = Lifecycle(), list[str]()
    life.on_drain(lambda: calls.append("drain"))
    life.begin_drain()
    life.begin_drain()
    await asyncio.sleep(0)
    assert calls == ["drain"]
    life.on_drain(lambda: calls.append("late"))
    assert calls == ["drain", "late"]


async def test_force_end_reaches_who_still_listens() -> None:
    """Those who unsubscribed hear nothing, those who come late hear at once."""
    life, calls = Lifecycle(), list[str]()
    life.on_force_end(lambda: calls.append("stays"))
    leave = life.on_force_end(lambda: calls.append("left"))
    leave()
    leave()
    life.force_end()
    life.force_end()
    await asyncio.sleep(0)
    assert calls == ["stays"]
    assert life.force_ended
    life.on_force_end(lambda: calls.append("late"))()
    assert calls == ["stays", "late"]


async def test_a_failing_callback_keeps_none_of_the_others() -> None:
    """The loop reports it."""
    life, calls, reported = Lifecycle(), list[str](), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(repr(context["exception"])))

    def fails() -> None:
        raise LookupError("no")

    life.on_force_end(fails)
    life.on_force_end(lambda: calls.append("told"))
    life.force_end()
    await asyncio.sleep(0)
    asyncio.get_running_loop().set_exception_handler(None)
    assert (calls, reported) == (["told"], ["LookupError('no')"])


async def test_a_hold_keeps_it_from_being_ready() -> None:
    """Until every hold is released, whichever comes last: the release or the first connection."""
    life = Lifecycle()
    first, second = life.hold(), life.hold()
    first()
    life.mark_ready()
    assert not life.is_ready
    second()
    assert (life.state, life.is_ready) == ("ready", True)
    other = Lifecycle()
    other.hold()()
    assert not other.is_ready
    other.mark_ready()
    assert other.is_ready


async def test_a_release_ends_no_drain() -> None:
    """A signal came first."""
    life = Lifecycle()
    release = life.hold()
    life.mark_ready()
    life.begin_drain()
    release()
    release()
    assert life.state == "draining"


async def test_why_it_is_held_can_be_told() -> None:
    """Where somebody said so, until it is over."""
    life = Lifecycle()
    life.hold()
    release = life.hold("the tables are old")
    assert life.waits_for == ["the tables are old"]
    release()
    assert life.waits_for == []
