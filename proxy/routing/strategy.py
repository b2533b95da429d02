"""Strategies: pure functions from candidates to an order that explains itself."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

from proxy.routing.target import Decision, Target


class Strategy(Protocol):
    def choose(self, candidates: Sequence[Target], facts: Mapping[str, Any], now: float, rng: Random) -> Decision:
        """`candidates` are permitted and not cooling down; `facts`: what is known of the request; `now`: monotonic seconds."""
        ...


class Ordered:
    """In the order of the configuration: the first that works (`failover`; with one target also `model`)."""

    def choose(self, candidates: Sequence[Target], facts: Mapping[str, Any], now: float, rng: Random) -> Decision:
        return Decision(tuple(candidates), "first in the configured order")


STRATEGIES: dict[str, type[Strategy]] = {"model": Ordered, "failover": Ordered}
"""By the name that the configuration uses. Names of the configuration that are missing here fall back to `Ordered` and are
announced at start-up."""

_: type[Strategy] = Ordered
