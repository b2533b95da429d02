"""The timer on a loop whose time the test owns."""

import asyncio
from collections.abc import Callable
from typing import cast

from proxy.transport.timer import NEVER, LazyTimer


class Handle:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    def __init__(self) -> None:
        self.now = 0.0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        self.handles.append(Handle(when, callback))
        return self.handles[-1]

    def advance(self, to: float) -> None:
        self.now = to
        due = [handle for handle in self.handles if not handle.cancelled and handle.when <= to]
        self.handles = [handle for handle in self.handles if not handle.cancelled and handle.when > to]
        for handle in due:
            handle.callback()

    @property
    def armed(self) -> list[float]:
        return [handle.when for handle in self.handles if not handle.cancelled]


def _timer() -> tuple[Loop, list[float], LazyTimer]:
    loop = Loop()
    fired: list[float] = []
    return loop, fired, LazyTimer(cast(asyncio.AbstractEventLoop, loop), fired.append)


def test_fires_when_due() -> None:
    """Once, at its time."""
    loop, fired, timer = _timer()
    timer.set(5)
    loop.advance(4.9)
    assert fired == []
    loop.advance(5)
    loop.advance(100)
    assert fired == [5]


def test_later_is_only_noted() -> None:
    """Moving the time forward arms nothing; when the old handle runs, the rest is waited for."""
    loop, fired, timer = _timer()
    timer.set(5)
    for due in (6, 7, 8):
        timer.set(due)
    assert loop.armed == [5]
    loop.advance(5)
    assert (fired, loop.armed) == ([], [8])
    loop.advance(8)
    assert fired == [8]


def test_earlier_is_armed_anew() -> None:
    """Moving the time back replaces the handle."""
    loop, fired, timer = _timer()
    timer.set(50)
    timer.set(5)
    assert loop.armed == [5]
    loop.advance(5)
    assert fired == [5]


def test_never() -> None:
    """A due time of NEVER lets the handle run out."""
    loop, fired, timer = _timer()
    timer.set(5)
    timer.set(NEVER)
    loop.advance(5)
    assert (fired, loop.armed) == ([], [])


def test_cancel() -> None:
    """A cancelled timer holds nothing and can be set again."""
    loop, fired, timer = _timer()
    timer.cancel()
    timer.set(5)
    timer.cancel()
    assert loop.armed == []
    timer.set(6)
    loop.advance(6)
    assert fired == [6]
