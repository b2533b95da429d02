"""What a strategy is: a pure function from candidates to an order that explains itself. The table of them is in `strategies`."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Decision


class Strategy(Protocol):
    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        """`candidates`: those that the filters have left, at least one; `now`: monotonic seconds. What it returns are its candidates, best
        first; those that it leaves out are in `rejected`."""
        ...
