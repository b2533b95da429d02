"""`hybrid`: cost, latency and reliability against each other."""

from random import Random

import pytest

from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.hybrid import AT_ONCE, Hybrid, scaled
from proxy.routing.rules import HybridWeights
from proxy.routing.stats import TargetStats
from tests.support.routing import candidate

FACTS = RequestFacts(prompt_tokens=10, output_tokens=10, stream=True)


def target(name: str, price: int | None, seconds: float | None, failures: int = 0) -> Candidate:
    stats = TargetStats(name)
    if seconds is not None:
        stats.first_token.observe(0.0, seconds)
    for _ in range(failures):
        stats.counted(0.0, success=False)
    return candidate(name, facts=ModelFacts(input_pico_usd=price, output_pico_usd=price), stats=stats)


CHEAP, FAST, SOUND = target("cheap", 1, 2.0, 3), target("fast", 9, 0.1, 3), target("sound", 9, 2.0)


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        (HybridWeights(cost=1, latency=0, reliability=0), CHEAP),
        (HybridWeights(cost=0, latency=3, reliability=0), FAST),
        (HybridWeights(cost=0, latency=0, reliability=0.1), SOUND),
    ],
)
def test_the_weights_decide(weights: HybridWeights, first: Candidate) -> None:
    """Whatever they add up to."""
    assert Hybrid(weights).choose([SOUND, CHEAP, FAST], FACTS, 0.0, Random(1)).order[0] == first


def test_the_score_is_in_the_reason() -> None:
    """0.4, 0.4 and 0.2 are the weights where none are given; each part is scaled from 0 to its weight."""
    decision = Hybrid().choose([CHEAP, FAST, SOUND], FACTS, 0.0, Random(1))
    assert decision.order == (CHEAP, FAST, SOUND)
    assert decision.reason == "score 0.600 = cost 0.000 + latency 0.400 + reliability 0.200 against 0.600"


def test_the_unknown_is_the_worst_price_and_worth_a_try() -> None:
    """A latency is found out only by trying."""
    dear_unknown, unseen = target("p", None, 0.1), target("u", 1, None)
    assert Hybrid(HybridWeights(cost=1, latency=0, reliability=0)).choose([dear_unknown, FAST], FACTS, 0.0, Random(1)).order[0] == FAST
    assert Hybrid(HybridWeights(cost=0, latency=1, reliability=0)).choose([FAST, unseen], FACTS, 0.0, Random(1)).order[0] == unseen


def test_scaling() -> None:
    """Best 0, worst the weight; equal ones and a weight of 0 say nothing; the unknown are the worst."""
    assert scaled([2.0, 4.0, 3.0], 0.5, 100.0) == [0.0, 0.5, 0.25]
    assert scaled([2.0, 2.0], 0.5, 100.0) == [0.0, 0.0]
    assert scaled([2.0, 4.0], 0.0, 100.0) == [0.0, 0.0]
    assert scaled([200.0, 100.0], 0.5, 100.0) == [0.0, 0.0]
    assert scaled([2.0, 200.0], 0.5, 100.0) == [0.0, 0.5]
    assert scaled([2.0, 4.0, 200.0], 0.5, 100.0) == [0.0, 0.5, 0.5]


def test_of_many_some_are_weighed_at_once() -> None:
    """Nobody is lost, and the reason says so."""
    many = [target(f"p{i}", i, 0.1) for i in range(100)]
    decision = Hybrid().choose(many, FACTS, 0.0, Random(1))
    assert len(set(decision.order)) == 100
    assert f", of {AT_ONCE} weighed" in decision.reason
