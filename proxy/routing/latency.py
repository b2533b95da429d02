"""`latency`: the better of two that are drawn (power of two choices), by what a request may expect there:

    (time to first token + output tokens / tokens per second) x (calls in flight + 1)

The time is a peak-EWMA: a slow answer counts at once and is forgiven with time. Whole answers have one of their own, to their end. Drawing
two spreads the load and needs no more knowledge than that; always taking the best would send everybody to the same target at once. A
target that nothing is known of is tried, by one request at a time. What comes behind the two begins at a drawn place, so that the requests
of a target that fails are spread, too. Source: Finagle docs "Power of two choices + peak EWMA", and Mitzenmacher's thesis, read 2026-11-25.
"""

from collections.abc import Sequence
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision

UNSEEN_BUSY = 1e9
"""Seconds: while its first answer is awaited, an unknown target is the worst choice."""


class LeastLatency:
    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        count = len(candidates)
        if count == 1:
            return Decision((candidates[0],), "the only one")
        i = int(rng.random() * count)
        j = int(rng.random() * (count - 1))
        j += j >= i
        one, two = candidates[i], candidates[j]
        first, second = expected_s(one, facts, now), expected_s(two, facts, now)
        if second < first:
            one, two, first, second = two, one, second, first
        low, high = (i, j) if i < j else (j, i)
        rest = (*candidates[low + 1 : high], *candidates[high + 1 :], *candidates[:low])
        order, eased_off = eased((one, two, *rest), now, rng)
        return Decision(order, f"{_shown(first)} against {_shown(second)} of {two.id}, the better of two drawn" + eased_off)


def expected_s(candidate: Candidate, facts: RequestFacts, now: float) -> float:
    """Seconds, times the calls that share it; 0: unknown and idle."""
    stats = candidate.stats
    seconds = stats.latency(now, facts.stream)
    if seconds is None:
        return 0.0 if stats.in_flight == 0 else UNSEEN_BUSY * stats.in_flight
    speed = stats.tokens_per_s
    if speed and facts.stream:
        seconds += facts.output_tokens / speed
    return seconds * (stats.in_flight + 1)


def _shown(seconds: float) -> str:
    if seconds == 0.0:
        return "not known yet"
    return "not known yet, but busy" if seconds >= UNSEEN_BUSY else f"{seconds:.3f} s"


_: type[Strategy] = LeastLatency
