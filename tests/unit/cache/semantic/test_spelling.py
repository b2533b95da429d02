"""One spelling for what is spelled in several ways."""

import pytest

from proxy.cache.semantic.spelling import american, only_looks_alike, roots, slipped


@pytest.mark.parametrize(
    ("british", "other"),
    [
        ("colour", "color"),
        ("favourite", "favorite"),
        ("organise", "organize"),
        ("centre", "center"),
        ("catalogue", "catalog"),
        ("hour", "hour"),
    ],
)
def test_british_words_are_spelled_as_american_ones(british: str, other: str) -> None:
    """Both ways lead to one spelling."""
    assert american(british) == american(other) == other


def test_regular_forms_lead_to_their_words() -> None:
    """Among what they may be forms of."""
    assert {"run", "stop", "city", "make"} <= {root for form in ("running", "stopped", "cities", "making") for root in roots(form)}


@pytest.mark.parametrize(
    ("wrong", "right", "is_slip"),
    [
        ("recieve", "receive", True),
        ("adress", "address", True),
        ("goverment", "government", True),
        ("definately", "definitely", True),
        ("sulfate", "sulfite", False),
        ("statue", "statute", False),
        ("ethanol", "methanol", False),
        ("form", "from", True),
        ("an", "na", False),
        ("cat", "elephant", False),
    ],
)
def test_slips_are_told_from_other_words(wrong: str, right: str, is_slip: bool) -> None:
    """Swapped, doubled, left out; whether one of them is no word at all is the dictionary's question."""
    assert slipped(wrong, right) == slipped(right, wrong) == is_slip


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("ethanol", "methanol", True),
        ("tablet", "table", True),
        ("house", "mouse", True),
        ("deliver", "delivery", False),
        ("cat", "dog", False),
    ],
)
def test_words_that_only_look_alike_are_known(one: str, other: str, alike: bool) -> None:
    """But for endings."""
    assert only_looks_alike(one, other) == only_looks_alike(other, one) == alike
