"""Background tasks with an owner."""

import asyncio

import pytest

from proxy.core.tasks import TaskSupervisor


async def ends() -> None:
    """At once."""


async def breaks() -> None:
    raise LookupError("lost")


async def test_running_tasks_are_known_by_name() -> None:
    """Sorted, until they end."""
    tasks = TaskSupervisor()
    started = [tasks.start(asyncio.sleep(60), name=name) for name in ("b", "a")]
    assert (len(tasks), tasks.names()) == (2, ["a", "b"])
    await tasks.close()
    assert (len(tasks), [t.cancelled() for t in started]) == (0, [True, True])


async def test_a_failure_is_told_with_the_tasks_name() -> None:
    """An end without one is not."""
    told: list[tuple[str, str]] = []
    tasks = TaskSupervisor(on_failure=lambda name, exc: told.append((name, repr(exc))))
    await asyncio.wait({tasks.start(breaks(), name="bad"), tasks.start(ends(), name="good")})
    assert told == [("bad", "LookupError('lost')")]


async def test_a_failure_is_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback."""
    tasks = TaskSupervisor()
    await asyncio.wait({tasks.start(breaks(), name="bad")})
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].getMessage() == "background task failed"


async def test_closing_waits_for_what_ends_by_itself() -> None:
    """And cancels the rest after its grace."""
    tasks = TaskSupervisor()
    go = asyncio.Event()
    short = tasks.start(go.wait(), name="short")
    endless = tasks.start(asyncio.sleep(60), name="endless", endless=True)
    asyncio.get_running_loop().call_later(0.02, go.set)
    await tasks.close(grace_s=10)
    assert (short.cancelled(), endless.cancelled()) == (False, True)


async def test_closing_waits_no_longer_than_its_grace() -> None:
    """A task that hangs is cancelled then."""
    tasks = TaskSupervisor()
    hangs = tasks.start(asyncio.sleep(60), name="hangs")
    await tasks.close(grace_s=0.01)
    assert hangs.cancelled()
