"""`content`: what the request is about, or needs, decides."""

from random import Random
from typing import Any

import pytest

from proxy.core.needs import JSON, TOOLS, VISION
from proxy.routing.candidate import RequestFacts
from proxy.routing.content import ByContent, words_pattern
from proxy.routing.rules import ContentRule
from proxy.routing.target import Decision
from tests.support.routing import candidate

A, B, C = candidate("a"), candidate("b", priority=1), candidate("c")


def choose(*rules: ContentRule, **facts: Any) -> Decision:
    return ByContent(rules).choose([A, B, C], RequestFacts(**facts), 0.0, Random(1))


@pytest.mark.parametrize(
    ("when", "facts", "why"),
    [
        ({"keywords": ("sql", "data base")}, {"text": "the sql, please"}, "keyword 'sql'"),
        ({"keywords": ("data base",)}, {"text": "in the data\n base."}, "keyword 'data\\n base'"),
        ({"prompt_tokens_over": 99}, {"prompt_tokens": 100}, "about 100 tokens"),
        ({"prompt_tokens_under": 100}, {"prompt_tokens": 99}, "about 99 tokens"),
        ({"needs": ("vision", "json")}, {"needs": VISION | JSON | TOOLS}, "needs vision, needs json"),
        ({"tags": ("EU",)}, {"tags": frozenset({"eu", "x"})}, "tag EU"),
        ({"headers": (("x-tier", "gold"),)}, {"headers": (("x-tier", "gold"),)}, "header x-tier"),
        ({}, {}, "it holds for all"),
    ],
)
def test_a_rule_that_holds_puts_its_targets_first(when: dict[str, Any], facts: dict[str, Any], why: str) -> None:
    """In the rule's order; the others follow by priority."""
    decision = choose(ContentRule(targets=("c/m",), **when), **facts)
    assert decision.order == (C, A, B)
    assert decision.reason == f"rule 1: {why}"


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"keywords": ("sql",)}, {"text": "mysql and sqlite and nosqls"}),
        ({"keywords": ("c++",)}, {"text": "c and xc++"}),
        ({"prompt_tokens_over": 100}, {"prompt_tokens": 100}),
        ({"prompt_tokens_under": 100}, {"prompt_tokens": 100}),
        ({"needs": ("vision", "json")}, {"needs": VISION}),
        ({"tags": ("eu", "us")}, {"tags": frozenset({"eu"})}),
        ({"headers": (("x-tier", "gold"),)}, {"headers": (("x-tier", "silver"),)}),
        ({"keywords": ("sql",), "prompt_tokens_over": 5}, {"text": "sql", "prompt_tokens": 5}),
    ],
)
def test_one_condition_that_fails_is_enough(when: dict[str, Any], facts: dict[str, Any]) -> None:
    """Then it goes the configured way."""
    decision = choose(ContentRule(targets=("c/m",), **when), **facts)
    assert decision.order == (A, C, B)
    assert decision.reason == "no rule holds, priority 0, the lowest"


def test_the_first_rule_that_holds_decides() -> None:
    """Later ones are not looked at; a provider's name alone means all of its targets."""
    rules = ContentRule(targets=("c/m",), keywords=("x",)), ContentRule(targets=("b",)), ContentRule(targets=("a/m",))
    assert choose(*rules).order == (B, A, C)
    assert choose(*rules, text="x").order[0] == C


def test_words_are_found_as_words() -> None:
    """Signs in them are no patterns; blank ones are none."""
    found = words_pattern(["C++", ".net", " "])
    assert found.search("write c++ now")
    assert found.search("use .net")
    assert not found.search("use xnet")
    assert not found.search("nothing")
