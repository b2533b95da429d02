"""`model` and `failover`."""

from random import Random

from proxy.routing.candidate import RequestFacts
from proxy.routing.ordered import Ordered
from tests.support.routing import candidate


def test_the_configured_order_is_kept() -> None:
    """And said to be the reason."""
    targets = [candidate("b"), candidate("a")]
    decision = Ordered().choose(targets, RequestFacts(), 0.0, Random(1))
    assert decision.order == tuple(targets)
    assert decision.reason == "first in the configured order"


def test_the_lowest_priority_comes_first() -> None:
    """Equal ones keep their order."""
    second, first, third = candidate("a", priority=1), candidate("b"), candidate("c", priority=1)
    decision = Ordered().choose([second, first, third], RequestFacts(), 0.0, Random(1))
    assert decision.order == (first, second, third)
    assert decision.reason == "priority 0, the lowest"
