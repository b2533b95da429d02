"""What holds for models that don't say otherwise."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings.models import ModelSettings
from proxy.settings.routing import RoutingSettings, TimeoutSettings, overlay_timeouts


@pytest.mark.parametrize(
    ("word", "strategy"),
    [
        ("cost_based", "cost"),
        ("Latency-Based", "latency"),
        ("round-robin", "round_robin"),
        ("intelligent", "hybrid"),
        ("ordered", "failover"),
        ("model", "model"),
        ("ModelBased", "model"),
        ("failover-chain", "failover"),
        ("CostOptimized", "cost"),
        ("cost-based-routing", "cost"),
        ("LowestCost", "cost"),
        ("least_latency", "latency"),
        ("latency_optimized", "latency"),
        ("RoundRobin", "round_robin"),
        ("canary", "weighted"),
        ("simple-shuffle", "weighted"),
        ("content based", "content"),
        (" own:My-Strategy.2 ", "own:My-Strategy.2"),
    ],
)
def test_synonyms_of_strategies_are_taken(word: str, strategy: str) -> None:
    """The replaced systems have names of their own."""
    assert ModelSettings.model_validate({"targets": [{"provider": "p"}], "strategy": word}).strategy == strategy


@pytest.mark.parametrize(("word", "hint"), [("cheapish", ""), ("latncy", '; did you mean "latency"?'), ("own:", ""), ("own:a b", "")])
def test_an_unknown_strategy_is_refused_with_the_nearest(word: str, hint: str) -> None:
    """And with all that there are."""
    with pytest.raises(ValidationError) as refused:
        RoutingSettings.model_validate({"strategy": word})
    names = "model, failover, cost, latency, weighted, hybrid, round_robin, content"
    assert f"must be one of {names}, or own:NAME{hint}" in str(refused.value)


def test_overlay_skips_layers_that_are_not_there() -> None:
    """Only fields that were set count."""
    assert overlay_timeouts(None, TimeoutSettings(connect_s=1), None).connect_s == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"sticky": "cookie"},
        {"sticky": "header:"},
        {"hybrid": {"cost": 0, "latency": 0, "reliability": 0}},
        {"retries": {"backoff_base_s": 2, "backoff_max_s": 1}},
        {"retry_budget": {"share": 1.5}},
        {"quota_reserve": -0.1},
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    """Weights that add up to nothing, shares outside 0 to 1, a longest pause below the first."""
    with pytest.raises(ValidationError):
        RoutingSettings.model_validate(fields)


def test_stickiness_is_taken_in_any_case() -> None:
    """Header names have none."""
    assert RoutingSettings.model_validate({"sticky": "header:X-User"}).sticky == "header:x-user"
