"""Who has been doing how: the statistics of every target, told of each try's beginning and end."""

from typing import Literal

from proxy.routing.stats import TargetStats

Outcome = Literal["ok", "failed", "throttled", "refused", "client", "cancelled"]
"""ok · failed: the target's fault, it counts for the breaker · throttled: 429 and overload · refused: credential or quota · client: the
request's own fault · cancelled: nobody's."""


class HealthBook:
    def __init__(self) -> None:
        self._stats: dict[str, TargetStats] = {}

    def stats(self, target_id: str) -> TargetStats:
        """Of a target, for as long as the process lives: reloads do not forget."""
        stats = self._stats.get(target_id)
        if stats is None:
            stats = self._stats[target_id] = TargetStats()
        return stats

    def started(self, stats: TargetStats, now: float) -> None:
        stats.in_flight += 1

    def ended(self, stats: TargetStats, now: float, outcome: Outcome, *, first_token_s: float | None = None) -> None:
        """Once for each `started`."""
        stats.in_flight -= 1
