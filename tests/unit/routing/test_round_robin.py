"""`round_robin`: one after the other."""

from random import Random

from proxy.routing.candidate import RequestFacts
from proxy.routing.round_robin import RoundRobin
from tests.support.routing import candidate


def test_each_comes_first_in_its_turn() -> None:
    """And the others follow in the same circle."""
    a, b, c = candidate("a"), candidate("b"), candidate("c")
    orders = [RoundRobin().choose((a, b, c), RequestFacts(turn=turn), 0.0, Random(1)).order for turn in range(4)]
    assert orders == [(a, b, c), (b, c, a), (c, a, b), (a, b, c)]


def test_the_reason_names_the_turn() -> None:
    """And the place in the circle."""
    decision = RoundRobin().choose((candidate("a"), candidate("b")), RequestFacts(turn=5), 0.0, Random(1))
    assert decision.reason == "turn 5, place 2 of 2"
