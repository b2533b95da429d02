"""Short forms that one question has and the other writes out."""

import pytest

from proxy.cache.semantic.shortforms import unified
from proxy.cache.semantic.text import take_apart


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is a CDN good for?", "What is a content delivery network good for?"),
        ("How do I test JS?", "How do I test JavaScript?"),
        ("What is i18n about?", "What is internationalization about?"),
        ("What does an ECG show?", "What does an electrocardiogram show?"),
        ("How does a bookshop work?", "How does a book shop work?"),
        ("Which Chilean wines are dry?", "Which Chile wines are dry?"),
        ("What is the CIA?", "What is the Central Intelligence Agency?"),
    ],
)
def test_short_forms_are_taken_for_what_they_stand_for(one: str, other: str) -> None:
    """By first letters, humps, counted letters, the table; both ways round."""
    a, b = unified(take_apart(one), take_apart(other))
    assert a.content == b.content
    b, a = unified(take_apart(other), take_apart(one))
    assert a.content == b.content


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is a CDN good for?", "What is a content delivery hub good for?"),
        ("How do I test TS?", "How do I test JavaScript?"),
        ("What is k8s about?", "What is karate about?"),
    ],
)
def test_others_are_left(one: str, other: str) -> None:
    """Nothing is guessed."""
    first, second = take_apart(one), take_apart(other)
    assert unified(first, second) == (first, second)
