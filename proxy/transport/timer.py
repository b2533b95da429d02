"""One deadline that moves often and fires rarely."""

import asyncio
import math
from collections.abc import Callable

NEVER = math.inf
_TICK_S = 0.001
"""uvloop counts whole milliseconds."""


class LazyTimer:
    """`fired` is called once the loop's time passes `due`. Later due times are only noted, and looked at when the handle armed for an
    earlier one runs: a call_later and cancel for each exchange would cost 1 µs under uvloop and 4 under asyncio (measured)."""

    __slots__ = ("_armed_for", "_fired", "_handle", "_loop", "due")

    def __init__(self, loop: asyncio.AbstractEventLoop, fired: Callable[[float], None]) -> None:
        self._loop = loop
        self._fired = fired
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = NEVER
        self.due = NEVER
        """Loop time. May be assigned directly to move it later; `set` where it may come earlier."""

    def set(self, due: float) -> None:
        self.due = due
        if due < self._armed_for:
            self._arm(due)

    def cancel(self) -> None:
        self.due = NEVER
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._armed_for = NEVER

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_for = due
        self._handle = self._loop.call_at(due, self._run)

    def _run(self) -> None:
        self._handle = None
        self._armed_for = NEVER
        now = self._loop.time()
        if now + _TICK_S >= self.due:
            self._fired(now)
        elif self.due != NEVER:
            self._arm(self.due)
