"""`round_robin`: one after the other."""

from collections.abc import Sequence
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.slow_start import eased
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision


class RoundRobin:
    """Each process counts the requests of an entry for itself; fallbacks follow in the same circle."""

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        start = facts.turn % len(candidates)
        order, eased_off = eased((*candidates[start:], *candidates[:start]), now, rng)
        return Decision(order, f"turn {facts.turn}, place {start + 1} of {len(candidates)}" + eased_off)


_: type[Strategy] = RoundRobin
