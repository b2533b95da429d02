"""Slow start: a target that has recovered gets a growing share of what would be its own, so that a cold one is not run over.

With the share r of its ramp a target that comes first keeps its place with probability r, else the next one goes before it. The target
gets r of its traffic so, whatever the strategy; the others get the rest in the strategy's own order. `weighted` has its own way, which
keeps ids where they are. Source: Envoy docs "Slow start mode", read 2026-11-25.
"""

from collections.abc import Sequence
from random import Random

from proxy.routing.candidate import Candidate


def eased(order: Sequence[Candidate], now: float, rng: Random) -> tuple[tuple[Candidate, ...], str]:
    """The order, and what is to be added to its reason."""
    first = order[0].stats.ramp(now)
    if first >= 1.0:
        return tuple(order), ""
    for i, candidate in enumerate(order):
        ramp = candidate.stats.ramp(now)
        if ramp >= 1.0 or rng.random() < ramp:
            if i == 0:
                break
            return (candidate, *order[:i], *order[i + 1 :]), f"; {order[0].id} has recovered lately and gets {first:.0%} of its share"
    return tuple(order), ""
