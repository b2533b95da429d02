"""`model` and `failover`: the first that works."""

from collections.abc import Sequence
from operator import attrgetter
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision

_BY_PRIORITY = attrgetter("target.priority")


class Ordered:
    """By priority, the lowest first; equal ones in the order of the configuration."""

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        ranked = sorted(candidates, key=_BY_PRIORITY)
        order, eased_off = eased(ranked, now, rng)
        lowest, highest = ranked[0].target.priority, ranked[-1].target.priority
        reason = "first in the configured order" if lowest == highest else f"priority {lowest}, the lowest"
        return Decision(order, reason + eased_off)


_: type[Strategy] = Ordered
