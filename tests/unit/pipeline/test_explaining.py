"""What would be decided for a request that nobody has made."""

from random import Random

import pytest

from proxy.core.errors import BadRequest
from proxy.core.needs import TOOLS, VISION
from proxy.pipeline.explaining import PARAMETERS, explain_route, question_of
from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.table import ModelEntry, RouteTable
from proxy.routing.target import Target


def table(strategy: str = "model", **rules: object) -> RouteTable:
    entry = ModelEntry(
        name="smart",
        strategy=strategy,
        targets=(Target("a", "x", region="us"), Target("b", "y", region="eu")),
        rules=RouteRules(**rules),  # type: ignore[arg-type]
    )
    return RouteTable([entry], {"a": "openai", "b": "openai"}, candidate=lambda t: Candidate(t, ModelFacts(context_tokens=1000)))


def explained(routes: RouteTable, *pairs: tuple[str, str]) -> dict[str, object]:
    return explain_route(routes, routes.resolve("smart"), question_of(pairs), 5.0, Random(1))


def test_a_question_is_read_from_a_query() -> None:
    """All that facts have."""
    pairs = [("prompt", "Some SQL"), ("output", "9"), ("needs", "vision, tools"), ("tags", "EU,x"), ("sticky", "ada"), ("stream", "false")]
    asked = question_of([*pairs, ("header", "X-Tier=gold=1"), ("strategy", "cost")])
    facts = asked.facts
    assert (facts.text, facts.prompt_tokens, facts.output_tokens, facts.output_cap) == ("some sql", 2, 9, 9)
    assert (facts.needs, facts.tags, facts.sticky, facts.stream) == (VISION | TOOLS, frozenset({"eu", "x"}), "ada", False)
    assert (facts.headers, asked.strategy) == ((("x-tier", "gold=1"),), "cost")


def test_the_parameters_that_are_named_are_known() -> None:
    """And no others."""
    values = {"tokens": "1", "output": "1", "needs": "vision", "stream": "true", "header": "a=b"}
    assert question_of([(name, values.get(name, "x")) for name in PARAMETERS]).strategy == "x"
    with pytest.raises(BadRequest, match=r"header$"):
        question_of([("others", "x")])


@pytest.mark.parametrize("pairs", [[("tokens", "70"), ("prompt", "x")], [("prompt", "x"), ("tokens", "70")]])
def test_a_size_wins_over_a_text(pairs: list[tuple[str, str]]) -> None:
    """In either order; without a cap the answer is guessed, without a word it streams."""
    facts = question_of(pairs).facts
    assert (facts.prompt_tokens, facts.text, facts.output_tokens, facts.output_cap, facts.stream) == (70, "x", 256, 0, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens", "-1"), ("tokens", "many"), ("output", "٣"), ("needs", "wings"), ("stream", "maybe"), ("header", "x"), ("depth", "3")],
)
def test_nonsense_names_its_parameter(name: str, value: str) -> None:
    """400."""
    with pytest.raises(BadRequest) as refused:
        question_of([(name, value)])
    assert refused.value.param == name


def test_it_is_decided_as_for_a_request() -> None:
    """Rules, tags and another strategy count."""
    routes = table("content", content=(ContentRule(targets=("b/y",), keywords=("sql",)),))
    assert explained(routes)["chosen"] == "a/x"
    found = explained(routes, ("prompt", "SQL!"))
    assert (found["entry"], found["strategy"], found["chosen"], found["reason"]) == ("smart", "content", "b/y", "rule 1: keyword 'sql'")
    assert explained(routes, ("tags", "region=eu"))["chosen"] == "b/y"
    assert explained(routes, ("strategy", "round-robin"))["strategy"] == "round_robin"
    with pytest.raises(BadRequest, match="no strategy"):
        explained(routes, ("strategy", "x"))


def test_what_would_be_refused_says_how() -> None:
    """With the status and the word that the client would get."""
    found = explained(table(), ("tokens", "9999"))
    assert (found["chosen"], found["refusal"]) == (None, {"status": 400, "code": "context_length_exceeded"})
    assert explained(table(context_window_fallbacks=("other",)), ("tokens", "9999"))["chosen"] == "a/x"
