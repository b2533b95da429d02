"""Entries of the model table among each other: each mistake with the line that makes it."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from proxy.settings import SettingsError, load_settings

HEAD = """\
providers:
  one: {kind: echo}
  two: {kind: echo}
models:
"""


def problems(tmp_path: Path, models: str) -> list[str]:
    """`models` begins on line 5."""
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + indent(dedent(models), "  "))
    try:
        load_settings(file, environ={}, dotenv=None)
    except SettingsError as exc:
        return [str(problem) for problem in exc.problems]
    return []


ONE = "targets: [{provider: one, model: a}]"
TWO = "targets: [{provider: one, model: a}, {provider: two, model: b}]"


@pytest.mark.parametrize(
    "models",
    [
        f"m: {{{TWO}, fallbacks: [n], hedge: true}}\nn: {{{ONE}, content_policy_fallbacks: [m], shadow: {{model: m}}}}",
        f"gpt-*: {{targets: [{{provider: one}}], fallbacks: [two/b, other]}}\nother: {{{ONE}}}",
        f"m: {{{ONE}, fallbacks: [gpt-4]}}\ngpt-*: {{targets: [{{provider: one}}]}}",
        "m: {strategy: weighted, targets: [{provider: one, model: a, weight: 0}, {provider: two, model: a}]}",
        f"m: {{{ONE}, hedge: false}}",
        f"m: {{strategy: content, {TWO}, rules: [{{targets: [two/b, one/a]}}]}}",
        "g-*: {strategy: content, targets: [{provider: one}, {provider: two}], rules: [{targets: [two/g-9]}]}",
        f"a: {{{ONE}, fallbacks: [b, c]}}\nb: {{{ONE}, fallbacks: [c]}}\nc: {{{ONE}}}",
    ],
)
def test_what_is_right_passes(tmp_path: Path, models: str) -> None:
    """Mixed kinds of fallbacks may go back and forth: no request walks them in a circle."""
    assert problems(tmp_path, models) == []


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (
            "m:\n  targets:\n    - {provider: tow, model: a}",
            'c.yaml:7:10: models.m.targets[0].provider: no provider "tow"; did you mean "two"?',
        ),
        (
            "m:\n  strategy: weigthed\n  targets: [{provider: one}]",
            "c.yaml:6:5: models.m.strategy: must be one of model, failover, cost, latency, weighted, hybrid, round_robin, content, or "
            'own:NAME; did you mean "weighted"?',
        ),
        (
            "m:\n  strategy: weighted\n  targets: [{provider: one, model: a, weight: 0}, {provider: two, model: a, weight: 0}]",
            "c.yaml:7:5: models.m.targets: the weights add up to 0: at least one must be above 0",
        ),
        (
            "m:\n  targets:\n    - {provider: one, model: a}\n    - {provider: one, model: a, weight: 5}",
            "c.yaml:8:9: models.m.targets[1]: the same target as targets[0]: one/a",
        ),
        (
            "m:\n  targets: [{provider: one}, {provider: one}]",
            "c.yaml:6:32: models.m.targets[1]: the same target as targets[0]: one/(as asked)",
        ),
        (f"mine: {{{ONE}}}\nm:\n  {ONE}\n  fallbacks: [mime]", 'c.yaml:8:17: models.m.fallbacks[0]: no model "mime"; did you mean "mine"?'),
        (f"m:\n  {ONE}\n  context_window_fallbacks: [x]", 'c.yaml:7:32: models.m.context_window_fallbacks[0]: no model "x"'),
        (
            f"m:\n  {ONE}\n  content_policy_fallbacks:\n    - three/x",
            'c.yaml:8:9: models.m.content_policy_fallbacks[0]: no model "three/x"',
        ),
        (f"m:\n  {ONE}\n  shadow: {{model: x}}", 'c.yaml:7:14: models.m.shadow.model: no model "x"'),
        (f"m:\n  {ONE}\n  shadow: {{model: m}}", "c.yaml:7:14: models.m.shadow.model: an entry can't be its own shadow"),
        (f"m:\n  {ONE}\n  hedge: true", "c.yaml:7:5: models.m.hedge: a hedge needs a second target, and this entry has one"),
        (
            f"m:\n  {TWO}\n  strategy: content\n  rules:\n    - targets: [two/bb]",
            'c.yaml:9:19: models.m.rules[0].targets[0]: this entry has no target "two/bb"; did you mean "two/b"?',
        ),
        (
            f"m:\n  {TWO}\n  strategy: content\n  rules:\n    - targets: [x]",
            'c.yaml:9:19: models.m.rules[0].targets[0]: this entry has no target "x"; it has one/a, two/b',
        ),
        (f"m:\n  {ONE}\n  fallbacks: [m]", "c.yaml:7:17: models.m.fallbacks[0]: a circle of fallbacks: m → m"),
        (
            f"a: {{{ONE}, fallbacks: [b]}}\nb: {{{ONE}, fallbacks: [c]}}\nc:\n  {ONE}\n  fallbacks: [a]",
            "c.yaml:9:17: models.c.fallbacks[0]: a circle of fallbacks: a → b → c → a",
        ),
        (
            f"a: {{{ONE}, content_policy_fallbacks: [b-1]}}\nb-*:\n  {ONE}\n  content_policy_fallbacks: [a]",
            "c.yaml:8:32: models.b-*.content_policy_fallbacks[0]: a circle of fallbacks: a → b-* → a",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, models: str, expected: str) -> None:
    """And nothing else is said."""
    assert problems(tmp_path, models) == [expected]


def test_every_circle_is_found_once(tmp_path: Path) -> None:
    """Two that share an entry, and one that stands apart."""
    models = f"""\
        a: {{{ONE}, fallbacks: [b, c]}}
        b: {{{ONE}, fallbacks: [a]}}
        c: {{{ONE}, fallbacks: [a]}}
        d: {{{ONE}, fallbacks: [a, e]}}
        e: {{{ONE}, fallbacks: [d]}}
        """
    assert [problem.rpartition(": ")[2] for problem in problems(tmp_path, models)] == ["a → b → a", "a → c → a", "d → e → d"]
