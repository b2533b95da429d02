"""Strategies: pure functions from candidates to an order that explains itself."""

from random import Random

from proxy.routing.candidate import RequestFacts
from proxy.routing.strategy import STRATEGIES, Ordered
from tests.support.routing import candidate


def test_the_configured_order_is_kept() -> None:
    """And said to be the reason."""
    targets = [candidate("b"), candidate("a")]
    decision = Ordered().choose(targets, RequestFacts(), 0.0, Random(1))
    assert decision.order == tuple(targets)
    assert decision.reason
    assert decision.rejected == ()


def test_one_target_and_failover_are_in_the_table() -> None:
    """The names that the configuration uses."""
    assert {"model", "failover"} <= set(STRATEGIES)
