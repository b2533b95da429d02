"""Which model names become label values."""

import pytest

from proxy.telemetry.model_labels import LEARNT_MAX, ModelLabels


def labels(*, patterns: tuple[str, ...] = (), open_names: bool = False) -> ModelLabels:
    made = ModelLabels()
    made.configure(listed=["smart", "gpt-4o"], patterns=patterns, providers=["openai"], open_names=open_names)
    return made


@pytest.mark.parametrize(
    ("name", "known"),
    [("smart", True), ("gpt-4o", True), ("gpt-4o-mini", False), ("openai/new", True), ("other/new", False), ("openai", False)],
)
def test_with_a_table(name: str, known: bool) -> None:
    """Its names, its targets' names, and a configured provider's by prefix."""
    assert labels()(name) is known


@pytest.mark.parametrize(("name", "known"), [("gpt-5", True), ("claude", False)])
def test_by_a_pattern(name: str, known: bool) -> None:
    """What it matches."""
    assert labels(patterns=("gpt-*",))(name) is known


def test_invented_names_are_bounded() -> None:
    """The first ones stay, later ones are unknown, listed ones always known."""
    known = labels(open_names=True)
    assert [known(f"m{n}") for n in range(LEARNT_MAX + 50)] == [True] * LEARNT_MAX + [False] * 50
    assert known("m0")
    assert known("smart")


def test_a_new_configuration_lists_anew_and_keeps_the_bound() -> None:
    """Names learnt before stay, since their series do."""
    known = labels(open_names=True)
    assert all(known(f"m{n}") for n in range(LEARNT_MAX))
    known.configure(listed=["clever"], patterns=(), providers=[], open_names=True)
    assert (known("clever"), known("smart"), known("m1"), known("fresh")) == (True, False, True, False)
