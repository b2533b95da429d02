"""`hybrid`: cost, latency and reliability, weighed against each other.

    score = cost x c + latency x l + reliability x r        the lowest first; c, l, r from `hybrid`, by default 0.4, 0.4, 0.2

Each of the three is scaled over the candidates, so that the best of them is 0 and the worst 1 (min-max); where all are equal it decides
nothing. An unknown price counts as the worst. An unknown latency counts as the best while nobody is trying it, so that it becomes known,
else as the worst. Reliability is the share of tries that failed, with old failures forgiven. The calls in flight are part of the latency,
so a target that everybody prefers gets worse by it. Of more than `AT_ONCE` candidates so many neighbours are weighed, from a drawn place;
the others follow.
"""

from collections.abc import Sequence
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.cost import UNKNOWN, costs_of
from proxy.routing.latency import UNSEEN_BUSY, expected_s
from proxy.routing.rules import HybridWeights
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision

AT_ONCE = 24
"""Some 40 µs; more would be felt, and weighing them all would send everybody to the same one."""


class Hybrid:
    def __init__(self, weights: HybridWeights | None = None) -> None:
        """Only their proportion counts."""
        given = weights or HybridWeights()
        total = given.cost + given.latency + given.reliability
        self._cost, self._latency, self._reliability = given.cost / total, given.latency / total, given.reliability / total

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        others: Sequence[Candidate] = ()
        if len(candidates) > AT_ONCE:
            start = int(rng.random() * len(candidates))
            turned = (*candidates[start:], *candidates[:start])
            candidates, others = turned[:AT_ONCE], turned[AT_ONCE:]
        costs = scaled(costs_of(candidates, facts), self._cost, UNKNOWN)
        times = scaled([expected_s(candidate, facts, now) for candidate in candidates], self._latency, UNSEEN_BUSY)
        losses = scaled([1.0 - candidate.stats.success_rate(now) for candidate in candidates], self._reliability, UNKNOWN)
        scores = [cost + time + loss for cost, time, loss in zip(costs, times, losses, strict=True)]
        ranks = sorted(range(len(scores)), key=scores.__getitem__)
        order, eased_off = eased((*[candidates[i] for i in ranks], *others), now, rng)
        best = ranks[0]
        text = f"score {scores[best]:.3f} = cost {costs[best]:.3f} + latency {times[best]:.3f} + reliability {losses[best]:.3f}"
        against = f" against {scores[ranks[1]]:.3f}" if len(ranks) > 1 else ""
        return Decision(order, f"{text}{against}{f', of {AT_ONCE} weighed' if others else ''}{eased_off}")


def scaled(values: Sequence[float], weight: float, unknown: float) -> list[float]:
    """From 0, the best, to `weight`, the worst; values from `unknown` on are the worst."""
    known = [value for value in values if value < unknown]
    if not known or not weight:
        return [0.0] * len(values)
    least = min(known)
    spread = max(known) - least
    if len(known) == len(values):
        if spread <= 0.0:
            return [0.0] * len(values)
        factor = weight / spread
        return [(value - least) * factor for value in values]
    factor = weight / spread if spread > 0.0 else 0.0
    return [(value - least) * factor if value < unknown else weight for value in values]


_: type[Strategy] = Hybrid
