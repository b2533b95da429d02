"""How late the event loop is: a 100 ms timer that measures its own delay."""

import asyncio
from collections.abc import Callable

PERIOD_S = 0.1


class LagMonitor:
    def __init__(self, observe: Callable[[float], None], *, period_s: float = PERIOD_S) -> None:
        """`observe(seconds)` is called once a period with how late the timer fired."""
        self._observe = observe
        self._period_s = period_s
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        self._arm(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + self._period_s
        self._handle = loop.call_later(self._period_s, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._observe(max(0.0, loop.time() - self._due))
        self._arm(loop)
