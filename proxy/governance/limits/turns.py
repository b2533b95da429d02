"""Waiting for room instead of being refused: first come, first served, for each counter that is full.

The first of a queue asks again when the store says that there is room, or when a slot has come back; whoever comes later, and needs a
counter that somebody waits for, stands behind. A client that leaves gives up its place: its task is cancelled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from proxy.core.claims import Outcome

Ask = Callable[[], Outcome | Awaitable[Outcome]]
AT_MOST_S = 1.0
"""Between two looks of the first in a queue: other processes give back, too."""


class Turns:
    def __init__(self) -> None:
        self.keys: dict[str, deque[asyncio.Event]] = {}
        """Counters that somebody waits for."""

    def __len__(self) -> int:
        """Requests that wait."""
        return sum(map(len, self.keys.values()))

    def freed(self) -> None:
        """Something may have room now."""
        for queue in self.keys.values():
            queue[0].set()

    async def take(self, key: str, outcome: Outcome, ask: Ask, until: float) -> Outcome:
        """`outcome`: the refusal so far. `until`: monotonic seconds; where there is certainly no room by then, it is refused at once."""
        queue = self.keys.setdefault(key, deque())
        woken = asyncio.Event()
        queue.append(woken)
        try:
            while True:
                now = monotonic()
                left_s = until - now
                first = queue[0] is woken
                if left_s <= 0 or (first and outcome.retry_after_s > left_s and not _slots(outcome)):
                    return outcome
                delay_s = min(left_s, outcome.retry_after_s, AT_MOST_S) if first else left_s
                try:
                    async with asyncio.timeout(delay_s):
                        await woken.wait()
                except TimeoutError:
                    pass
                woken.clear()
                if queue[0] is woken:
                    asked = ask()
                    outcome = asked if isinstance(asked, Outcome) else await asked
                    if outcome.refused is None:
                        return outcome
        finally:
            queue.remove(woken)
            if queue:
                queue[0].set()
            else:
                del self.keys[key]


def _slots(outcome: Outcome) -> bool:
    """What nobody can say the end of."""
    return outcome.refused is not None and not hasattr(outcome.refused.claim, "span_s")
