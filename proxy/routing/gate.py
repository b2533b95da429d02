"""A bulkhead: how many calls a target may have at the same time, and how many a minute, from this process.

    room                 the call goes
    none                 another target of the request that has room goes first
    nobody has           the request waits at the first one's queue, first come first served, for `queue_wait_s` at most
    the queue is full    503 with Retry-After at once, as when the wait was in vain

One event loop; all but `wait` is synchronous. Places are given to who waits before anybody new gets one.
"""

import asyncio
from collections import deque
from time import monotonic

import msgspec

MINUTE_S = 60.0


class GateRules(msgspec.Struct, frozen=True, kw_only=True):
    """None: unbounded."""

    concurrency: int | None = None
    rpm: int | None = None
    """In any 60 seconds."""
    queue: int = 0
    queue_wait_s: float = 1.0


class Gate:
    def __init__(self, rules: GateRules) -> None:
        self.rules = rules
        self.inside = 0
        self._begun: deque[float] = deque()
        """When the calls of the last minute began, where that counts."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def enter(self, now: float) -> bool:
        """True: a place is taken, to be left once. `now`: monotonic seconds."""
        if self._waiting or not self._room(now):
            return False
        self._take(now)
        return True

    def leave(self) -> None:
        self.inside -= 1
        self._serve()

    async def wait(self, until: float) -> bool:
        """True: a place is taken. False: the queue is full, or there was none by `until` (monotonic seconds)."""
        rules = self.rules
        if len(self._waiting) >= rules.queue:
            return False
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._serve()
        try:
            async with asyncio.timeout(max(0.0, min(until - monotonic(), rules.queue_wait_s))):
                await asyncio.shield(place)
        except TimeoutError:
            return self._gave_up(place)
        except asyncio.CancelledError:
            if self._gave_up(place):
                self.leave()
            raise
        return True

    def _gave_up(self, place: "asyncio.Future[None]") -> bool:
        """Whether it has got its place all the same."""
        if place.done():
            return True
        self._waiting.remove(place)
        return False

    def _room(self, now: float) -> bool:
        rules = self.rules
        if rules.concurrency is not None and self.inside >= rules.concurrency:
            return False
        if rules.rpm is None:
            return True
        while self._begun and self._begun[0] <= now - MINUTE_S:
            self._begun.popleft()
        return len(self._begun) < rules.rpm

    def _take(self, now: float) -> None:
        self.inside += 1
        if self.rules.rpm is not None:
            self._begun.append(now)

    def _serve(self) -> None:
        """Places for those who wait; a timer where only time makes room."""
        now = monotonic()
        while self._waiting and self._room(now):
            place = self._waiting.popleft()
            self._take(now)
            place.set_result(None)
        if self._waiting and self._begun and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._begun[0] + MINUTE_S - now), self._due)

    def _due(self) -> None:
        self._timer = None
        self._serve()
