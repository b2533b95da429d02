"""What hedging remembers: how long targets usually take for a whole answer (`TargetStats` knows it of streams), and what is left of each
entry's budget."""

from bisect import bisect_left, insort
from collections import deque
from typing import Literal

from proxy.routing.hedge_budget import HedgeBudget

HedgeResult = Literal["won", "lost", "failed", "cancelled"]
"""won: its answer was the first · lost: the first try's was · failed: it had none · cancelled: the request ended without either."""
Withheld = Literal["budget", "attempts", "no_target", "refused"]
"""Why a slow try got no hedge: the share is used up · no try is left · nobody else may be asked now · the target was not paid for, or
cannot carry the request."""

LEAST = 20
"""Samples before there is a p95: of fewer it would be the slowest."""
KEPT = 200
"""Samples; a p95 of these stands on ten."""
MAX_TARGETS = 1024
"""Clients choose models where an entry is a pattern."""


class Waits:
    """The last `KEPT` waits for one target, in seconds."""

    __slots__ = ("_recent", "_sorted")

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        if len(self._recent) == KEPT:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    def p95(self) -> float | None:
        """The smallest that 95 % do not exceed; None: fewer than `LEAST` so far."""
        n = len(self._sorted)
        return None if n < LEAST else self._sorted[(n * 95 + 99) // 100 - 1]


class HedgeBook:
    """For as long as the process lives."""

    __slots__ = ("_budgets", "_waits")

    def __init__(self) -> None:
        self._budgets: dict[str, HedgeBudget] = {}
        self._waits: dict[str, Waits] = {}

    def budget(self, entry: str, share: float) -> HedgeBudget:
        """`entry`: as configured, never a client's text. A share that has changed begins anew."""
        budget = self._budgets.get(entry)
        if budget is None or budget.share != share:
            budget = self._budgets[entry] = HedgeBudget(share)
        return budget

    def waits(self, target_id: str) -> Waits:
        """For whole answers."""
        waits = self._waits.get(target_id)
        if waits is None:
            if len(self._waits) >= MAX_TARGETS:
                self._waits.clear()
            waits = self._waits[target_id] = Waits()
        return waits
