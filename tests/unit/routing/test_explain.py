"""A decision for people to read."""

import json

from proxy.core.needs import TOOLS, VISION
from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.explain import HEADER_MAX, explain, no_route_header, route_header
from proxy.routing.ordered import Ordered
from proxy.routing.stats import TargetStats
from proxy.routing.target import Decision, Rejected, Route, RouteTimeouts
from tests.support.routing import candidate


def route(*targets: Candidate, **more: object) -> Route:
    return Route(name="smart", strategy="cost", targets=targets, timeouts=RouteTimeouts(), digest="d", chooser=Ordered(), **more)  # type: ignore[arg-type]


def test_everything_that_spoke_for_and_against() -> None:
    """What a target costs, how it has been doing, and why it comes where it does."""
    stats = TargetStats("a")
    stats.first_token.observe(5.0, 0.25)
    stats.tokens_per_s, stats.in_flight = 41.23456, 2
    facts = ModelFacts(input_pico_usd=2_500_000, output_pico_usd=10_000_000, context_tokens=128_000, cannot=VISION)
    a, b = candidate("a", facts=facts, stats=stats, weight=3, region="eu", quality=0.9), candidate("b")
    request = RequestFacts(prompt_tokens=100, output_tokens=10, needs=TOOLS, tags=frozenset({"x"}), sticky="ada", stream=True)
    shown = explain(Decision((a,), "because", (Rejected(b, "no vision"),)), (a, b), request, 5.0)
    assert shown["chosen"] == "a/m"
    assert shown["reason"] == "because"
    assert shown["request"] == {
        "prompt_tokens": 100,
        "output_tokens": 10,
        "needs": ["tools"],
        "tags": ["x"],
        "sticky": "ada",
        "stream": True,
    }
    assert shown["order"] == [
        {
            "target": "a/m",
            "weight": 3,
            "priority": 0,
            "quality": 0.9,
            "tags": ["region=eu"],
            "input_usd_per_mtok": 2.5,
            "output_usd_per_mtok": 10.0,
            "estimated_usd": "0.000350",
            "context_tokens": 128_000,
            "cannot": ["vision"],
            "first_token_s": 0.25,
            "whole_s": None,
            "tokens_per_s": 41.2346,
            "success_rate": 1.0,
            "in_flight": 2,
            "ramp": 1.0,
            "rests": None,
        }
    ]
    assert [(one["target"], one["reason"]) for one in shown["rejected"]] == [("b/m", "no vision")]
    assert shown["targets"] == 2


def test_who_rests_is_in_the_order_with_the_reason() -> None:
    """And not named twice."""
    stats = TargetStats("a")
    stats.blocked, stats.cool_until = True, 8.0
    a = candidate("a", stats=stats)
    shown = explain(Decision((a,), "r", (Rejected(a, "cooling down"),)), (a,), RequestFacts(), 5.0)
    assert (shown["order"][0]["reason"], shown["order"][0]["rests"]) == ("cooling down", "cooling down, for 3.0 s yet")
    assert shown["rejected"] == []


def test_nobody_was_left() -> None:
    """Then nobody is chosen."""
    assert explain(Decision((), "r"), (), RequestFacts(), 5.0)["chosen"] is None


def test_the_header_is_one_line_of_ascii() -> None:
    """Whatever a name holds."""
    a, b = candidate("zürich", "m\r\nx"), candidate("b")
    raw = route_header(route(a, b), Decision((a,), "grün", (Rejected(b, "weight 0"),)))
    assert raw.isascii()
    assert b"\n" not in raw
    assert json.loads(raw) == {
        "entry": "smart",
        "strategy": "cost",
        "chosen": "zürich/m\r\nx",
        "reason": "grün",
        "order": ["zürich/m\r\nx"],
        "rejected": [{"target": "b/m", "reason": "weight 0"}],
        "candidates": 2,
    }


def test_the_header_has_an_end() -> None:
    """What does not fit is counted."""
    many = tuple(candidate(f"provider-{i}", "a-model-with-a-name") for i in range(100))
    raw = route_header(route(*many), Decision(many[:50], "r", tuple(Rejected(c, "a reason " * 5) for c in many[50:])))
    shown = json.loads(raw)
    assert len(raw) <= HEADER_MAX
    assert shown["more"] + len(shown["order"]) + len(shown["rejected"]) == 100
    assert shown["order"][0] == many[0].id


def test_no_decision_says_why() -> None:
    """For answers out of the cache."""
    assert json.loads(no_route_header("nothing was chosen")) == {"chosen": None, "reason": "nothing was chosen"}
