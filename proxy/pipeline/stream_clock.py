"""Keep-alives while a streaming client has nothing to read.

One timer a stream, re-armed when it fires, costs nothing per chunk. A keep-alive commits status 200; none is sent before
`keepalive_after_s` of silence, then one each such period (contract B). It spans all attempts: the client only knows one request.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.respond import Responder


class KeepAlive:
    """`make` builds the bytes; b"" where the dialect has none."""

    def __init__(self, out: Responder, after_s: float, make: Callable[[], bytes], tasks: TaskSupervisor) -> None:
        self._out = out
        self._after_s = after_s
        self._make = make
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        out.touched = monotonic()
        self._timer = self._loop.call_at(out.touched + after_s, self._fire)

    def stop(self) -> None:
        self._timer.cancel()

    def _fire(self) -> None:
        now = monotonic()
        due = self._out.touched + self._after_s
        if now >= due - 0.005:
            due = now + self._after_s
            data = self._make()
            if data and not self._out.busy and not self._out.ended:
                self._tasks.start(self._ping(data), name="keep-alive")
        self._timer = self._loop.call_at(due, self._fire)

    async def _ping(self, data: bytes) -> None:
        """The answer may have gone on, or ended, between the timer and this task."""
        if not self._out.busy and not self._out.ended:
            await self._out.write(data)


@contextmanager
def content_within(seconds: float | None, since: float) -> Iterator[None]:
    """Raises TimeoutError inside the block `seconds` after the loop time `since`."""
    task = asyncio.current_task()
    if seconds is None or task is None:
        yield
        return
    fired = False

    def fire() -> None:
        nonlocal fired
        fired = True
        task.cancel()

    handle = asyncio.get_running_loop().call_at(since + seconds, fire)
    try:
        yield
    except asyncio.CancelledError:
        if fired and task.uncancel() <= 0:
            raise TimeoutError from None
        raise
    finally:
        handle.cancel()
