"""Strategies: pure functions from candidates to an order that explains itself."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Decision


class Strategy(Protocol):
    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        """`candidates`: those that the filters have left; `now`: monotonic seconds. What it returns are its candidates, best first."""
        ...


class Ordered:
    """In the order of the configuration: the first that works (`failover`; with one target also `model`)."""

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        return Decision(tuple(candidates), "first in the configured order")


STRATEGIES: dict[str, type[Strategy]] = {"model": Ordered, "failover": Ordered}
"""By the name that the configuration uses. Names of the configuration that are missing here fall back to `Ordered` and are
announced at start-up."""

_: type[Strategy] = Ordered
