"""Labelled pairs by rule."""

import json
from collections import Counter
from pathlib import Path

from benchmarks.semantic.third import OTHER, PER_RULE, SAME, pairs

FILE = Path(__file__).parents[3] / "benchmarks" / "semantic" / "pairs_third.jsonl"


def test_the_set_is_what_its_rules_make() -> None:
    """Line by line: nothing was taken out because it is not told apart."""
    assert [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()] == list(pairs())


def test_each_rule_is_there_and_none_twice_with_the_same_pair() -> None:
    """At least 200 pairs in all, of both sorts."""
    made = list(pairs())
    assert len({(pair["a"], pair["b"]) for pair in made}) == len(made) >= 200
    assert all(pair["a"] != pair["b"] for pair in made)
    kinds = Counter((pair["kind"], pair["same"]) for pair in made)
    assert set(kinds) == {(kind, True) for kind in SAME} | {(kind, False) for kind in OTHER}
    assert 6 <= min(kinds.values()) <= max(kinds.values()) <= PER_RULE
    assert min(Counter(pair["same"] for pair in made).values()) >= 100
