"""A bulkhead: how many calls a target may have at the same time, and how many a minute, from this process.

    room                 the call goes
    none                 another target of the request that has room goes first
    nobody has           the request waits at the first one's queue, first come first served, for `queue_wait_s` at most
    the queue is full    503 with Retry-After at once, as when the wait was in vain

Where its provider's keys are bounded (`routing/key_rooms.py`), there is room if there is some here and at a key that the call may have;
who waits for a key that is busy keeps nobody from another one.

One event loop; all but `wait` is synchronous. Places are given to who waits before anybody new gets one.
"""

import asyncio
from collections import deque
from time import monotonic

from proxy.routing.key_rooms import KeyRooms, Wanted, no_keys
from proxy.routing.room import Bounds, Room

RECHECK_S = 0.25
"""A key whose rest is over tells nobody: who waits for one looks so often."""


class GateRules(Bounds, frozen=True, kw_only=True):
    queue: int = 0
    queue_wait_s: float = 1.0


class Place:
    """One that was taken. Given back once, however often it is said."""

    __slots__ = ("_at_key", "_gate", "_keys", "account")

    def __init__(self, gate: "Gate", keys: KeyRooms | None = None, account: str | None = None) -> None:
        self._gate: Gate | None = gate
        self._keys = keys
        self._at_key = 1
        self.account = account
        """Fingerprint of the key that the call is to have; None: any."""

    def several(self, calls: int, at_once: int, now: float, *, together: bool = False) -> int:
        """The try makes so many calls, up to `at_once` at the same time: how many it may. `together`: it cannot do with less."""
        if self._keys is None or self.account is None or self._gate is None:
            return at_once
        self._at_key += self._keys.more(self.account, calls, at_once, now, together=together)
        return self._at_key

    def leave(self) -> None:
        gate, self._gate = self._gate, None
        if gate is None:
            return
        if self._keys is None or self.account is None:
            gate.leave()
            return
        self._keys.leave(self.account, self._at_key)
        gate.inside -= 1
        self._keys.serve()
        gate.serve()  # its keys may be bounded no more


class _Waiting:
    __slots__ = ("place", "wanted")

    def __init__(self, place: "asyncio.Future[Place]", wanted: Wanted) -> None:
        self.place = place
        self.wanted = wanted


class Gate(Room):
    """`keys`: of its provider, where they are bounded."""

    rules: GateRules

    def __init__(self, rules: GateRules, keys: KeyRooms | None = None) -> None:
        super().__init__(rules)
        self.keys = keys
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def enter(self, now: float, wanted: Wanted = no_keys) -> Place | None:
        """A place, to be left once; None: there is none. `now`: monotonic seconds."""
        if self.keys is not None:
            self.keys.serve()
        return None if self._waiting or not self._room(now) else self._place(now, wanted)

    def leave(self) -> None:
        self.inside -= 1
        self.serve()

    async def wait(self, until: float, wanted: Wanted = no_keys) -> Place | None:
        """A place. None: the queue is full, or there was none by `until` (monotonic seconds)."""
        rules = self.rules
        if len(self._waiting) >= rules.queue:
            return None
        one = _Waiting(asyncio.get_running_loop().create_future(), wanted)
        self._waiting.append(one)
        if self.keys is not None:
            self.keys.queue(self)
        self.serve()
        try:
            async with asyncio.timeout(max(0.0, min(until - monotonic(), rules.queue_wait_s))):
                return await asyncio.shield(one.place)
        except TimeoutError:
            return self._gave_up(one)
        except asyncio.CancelledError:
            if (place := self._gave_up(one)) is not None:
                place.leave()
            raise

    def serve(self) -> bool:
        """Places for those who wait; a timer where only time makes room. Whether anybody got one."""
        if not self._waiting:
            return False
        now, before = monotonic(), len(self._waiting)
        for one in tuple(self._waiting):
            if not self._room(now):
                break
            if (place := self._place(now, one.wanted)) is not None:
                self._waiting.remove(one)
                one.place.set_result(place)
        if self._waiting and self._timer is None and (at := self._look_again_at(now)) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - now), self._due)
        return len(self._waiting) < before

    def _gave_up(self, one: _Waiting) -> Place | None:
        """What it has got all the same."""
        if one.place.done():
            return one.place.result()
        self._waiting.remove(one)
        return None

    def _room(self, now: float) -> bool:
        return self.has(now) and (self.keys is None or self.keys.has(now))

    def _place(self, now: float, wanted: Wanted) -> Place | None:
        """There is room here; None: at none of the keys that are wanted."""
        keys, account = self.keys, None
        if keys is not None and (account := keys.enter(wanted(now), now)) is None:
            return None
        self.take(now)
        return Place(self, keys, account)

    def _look_again_at(self, now: float) -> float | None:
        at = self.free_at(now)
        if self.keys is None:
            return at
        times = (at, self.keys.free_at(now), now + RECHECK_S)
        return min(time for time in times if time is not None)

    def _due(self) -> None:
        self._timer = None
        self.serve()
