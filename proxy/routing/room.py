"""How many calls there may be at the same time, and how many a minute: the arithmetic, for a target and for a key of a pool.

One event loop, told the time, waits for nothing: who waits is the gate's to know (`routing/gate.py`).
"""

from collections import deque

import msgspec

MINUTE_S = 60.0


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """None: unbounded."""

    concurrency: int | None = None
    rpm: int | None = None
    """In any 60 seconds."""

    @property
    def bind(self) -> bool:
        return self.concurrency is not None or self.rpm is not None


class Room:
    """`now`: monotonic seconds."""

    def __init__(self, rules: Bounds) -> None:
        self.rules = rules
        self.inside = 0
        self._begun: deque[float] = deque()
        """When the calls of the last minute began, where that counts."""

    def has(self, now: float) -> bool:
        rules = self.rules
        if rules.concurrency is not None and self.inside >= rules.concurrency:
            return False
        return rules.rpm is None or self._of_last_minute(now) < rules.rpm

    def take(self, now: float) -> None:
        self.inside += 1
        if self.rules.rpm is not None:
            self._begun.append(now)

    def take_more(self, calls: int, at_once: int, now: float, *, together: bool) -> int:
        """For one that is inside and makes so many calls in all: they count for the minute. Returns the places that it has got beside its
        own: as many as it needs to make `at_once` of them at the same time, if it must (`together`); else what is free of that."""
        rules, more = self.rules, at_once - 1
        if rules.concurrency is not None and not together:
            more = max(0, min(more, rules.concurrency - self.inside))
        self.inside += more
        if rules.rpm is not None:
            self._begun.extend([now] * (calls - 1))
        return more

    def free_at(self, now: float) -> float | None:
        """When time alone makes room in a full minute; None: the minute is not full."""
        rpm = self.rules.rpm
        if rpm is None or (begun := self._of_last_minute(now)) < rpm:
            return None
        return self._begun[begun - rpm] + MINUTE_S

    def _of_last_minute(self, now: float) -> int:
        begun = self._begun
        while begun and begun[0] <= now - MINUTE_S:
            begun.popleft()
        return len(begun)
