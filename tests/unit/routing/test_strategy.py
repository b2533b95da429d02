"""What every strategy of the table keeps to."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.stats import TargetStats
from proxy.routing.strategies import STRATEGIES
from tests.support.routing import candidate

RULES = RouteRules(
    sticky="key", quality_floor=0.5, content=(ContentRule(targets=("p1/m", "p0/m"), keywords=("sql",)), ContentRule(targets=("p2/m",)))
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Different ones, with whatever may be known of them."""
    found = []
    for i in range(draw(st.integers(1, 40))):
        stats = TargetStats()
        stats.in_flight = draw(st.integers(0, 3))
        stats.tokens_per_s = draw(st.sampled_from([None, 30.0]))
        for seconds in draw(st.lists(st.floats(0.01, 9), max_size=2)):
            stats.first_token.observe(1.0, seconds)
            stats.counted(1.0, success=seconds < 5)
        stats.ramp_from, stats.ramp_s = draw(st.sampled_from([(0.0, 0.0), (4.0, 30.0)]))
        prices: Any = {name: draw(st.sampled_from([None, 0, 5, 900])) for name in ("input_pico_usd", "output_pico_usd")}
        target: Any = {"weight": draw(st.sampled_from([0.0, 1.0, 95.0])), "priority": draw(st.integers(0, 2))}
        quality = draw(st.sampled_from([None, 0.2, 0.9]))
        found.append(candidate(f"p{i}", facts=ModelFacts(**prices), stats=stats, quality=quality, **target))
    return found


@pytest.mark.parametrize("name", list(STRATEGIES))
@settings(max_examples=60, derandomize=True, deadline=None)
@given(given=candidates(), seed=st.integers(0, 1000), stream=st.booleans(), text=st.sampled_from(["", "some sql"]))
def test_nobody_is_lost_and_nobody_comes_twice(name: str, given: list[Candidate], seed: int, stream: bool, text: str) -> None:
    """The order and what was rejected are the candidates, each once; somebody is left; it says why; the same chance gives the same."""
    facts = RequestFacts(prompt_tokens=50, output_tokens=20, stream=stream, sticky="u" if seed % 2 else "", turn=seed, text=text)
    decision = STRATEGIES[name].make("e", RULES).choose(given, facts, 5.0, Random(seed))
    everybody = [*decision.order, *(one.target for one in decision.rejected)]
    assert sorted(c.id for c in everybody) == sorted(c.id for c in given)
    assert decision.order
    assert decision.reason
    assert all(one.reason for one in decision.rejected)
    assert STRATEGIES[name].make("e", RULES).choose(given, facts, 5.0, Random(seed)) == decision
