"""Where the process stands between start and stop: one object that readiness, the server and the streams look at.

    starting → ready → draining → stopped          (starting → draining when a signal comes early)

`force_end` is the last call of a drain: what still streams then gets its in-band end.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

State = Literal["starting", "ready", "draining", "stopped"]
Callback = Callable[[], None]
OWING = 4
"""Exit code of a process that could not deliver all its records; they wait in its spool."""


class Lifecycle:
    """Belongs to one event loop; every method is synchronous and called on it."""

    def __init__(self) -> None:
        self.state: State = "starting"
        self._on_drain: list[Callback] = []
        self._on_force_end: dict[int, Callback] = {}
        self._next = 0
        self._forced = False
        self._serving = False
        self._holds: set[int] = set()
        self.owed = 0
        """Records that could not be delivered before the end: the process says so by its exit code."""

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"

    @property
    def is_draining(self) -> bool:
        """True from the first signal on, also when stopped."""
        return self.state in ("draining", "stopped")

    @property
    def force_ended(self) -> bool:
        return self._forced

    def mark_ready(self) -> None:
        """Connections are accepted. What `hold` waits for may still keep it from being ready."""
        self._serving = True
        if self.state == "starting" and not self._holds:
            self.state = "ready"

    def hold(self) -> Callback:
        """Something without which some requests must wait is not there yet: not ready until the returned function has been called."""
        self._next += 1
        token = self._next
        self._holds.add(token)

        def release() -> None:
            self._holds.discard(token)
            if self._serving:
                self.mark_ready()

        return release

    def owe(self, records: int) -> None:
        self.owed += records

    def begin_drain(self) -> None:
        """Readiness turns 503; idempotent."""
        if self.is_draining:
            return
        self.state = "draining"
        _call_all(self._on_drain)

    def stop(self) -> None:
        self.begin_drain()
        self.state = "stopped"

    def on_drain(self, callback: Callback) -> None:
        """Called once, when the drain begins (at once if it has)."""
        if self.is_draining:
            callback()
        else:
            self._on_drain.append(callback)

    def on_force_end(self, callback: Callback) -> Callback:
        """Ask to be told when grace is over; returns the function that unsubscribes. Called at once if it already is over."""
        if self._forced:
            callback()
            return _nothing
        self._next += 1
        token = self._next
        self._on_force_end[token] = callback

        def unsubscribe() -> None:
            self._on_force_end.pop(token, None)

        return unsubscribe

    def force_end(self) -> None:
        """Grace is over: every subscriber is called once, in the next turn of the loop."""
        self._forced = True
        callbacks = list(self._on_force_end.values())
        self._on_force_end.clear()
        _call_all(callbacks)


def _nothing() -> None:
    return None


def _call_all(callbacks: list[Callback]) -> None:
    """Through the loop, so that one that fails (the loop reports it) keeps none of the others from being called."""
    loop = asyncio.get_running_loop()
    for callback in callbacks:
        loop.call_soon(callback)
