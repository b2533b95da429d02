"""What the small words of a question say."""

from collections.abc import Callable

import pytest

from proxy.cache.semantic.grammar import (
    manner_differs,
    measure_differs,
    negations,
    others_differ,
    quantity_differs,
    relation_differs,
    tense_differs,
)
from proxy.cache.semantic.text import Question, take_apart

Differs = Callable[[Question, Question], bool]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Is it safe?", 0),
        ("Isn't it safe?", 0),
        ("Don't use loops", 1),
        ("Is it not without risk?", 2),
        ("Loops rather than recursion", 1),
        ("Is it no longer sold?", 2),
        ("What should I avoid?", 1),
    ],
)
def test_negations_are_counted(text: str, count: int) -> None:
    """Of one word and of several; a question that only sounds negative has none."""
    assert negations(take_apart(text)) == count


@pytest.mark.parametrize(
    ("differs", "one", "other"),
    [
        (tense_differs, "Is it sold here?", "Was it sold here?"),
        (tense_differs, "Does it rain?", "Will it rain?"),
        (tense_differs, "Who used to live here?", "Who lives here?"),
        (measure_differs, "Wait 3 days", "Wait 3 weeks"),
        (measure_differs, "Take 5 ml of it", "Take 5 mg of it"),
        (quantity_differs, "Do all frogs jump?", "Do most frogs jump?"),
        (quantity_differs, "Who came last?", "Who came next?"),
        (quantity_differs, "Is it only for men?", "Is it for men?"),
        (relation_differs, "May I eat before it?", "May I eat after it?"),
        (relation_differs, "A train from Bonn", "A train to Bonn"),
        (relation_differs, "Translate it out of Latin", "Translate it into Latin"),
        (manner_differs, "Can it freeze?", "How does it freeze?"),
        (manner_differs, "May I vote?", "Must I vote?"),
        (manner_differs, "Recommend a book", "Describe a book"),
        (others_differ, "Bonds or stocks?", "Bonds and stocks?"),
        (others_differ, "Which river is long?", "Which rivers are longest?"),
        (others_differ, "Sleep more", "Sleep less"),
    ],
)
def test_what_differs_is_seen(differs: Differs, one: str, other: str) -> None:
    """Both ways round."""
    assert differs(take_apart(one), take_apart(other))
    assert differs(take_apart(other), take_apart(one))


@pytest.mark.parametrize(
    ("differs", "one", "other"),
    [
        (tense_differs, "I wrote a will", "Writing my will"),
        (tense_differs, "What is it used to do?", "What is it for?"),
        (measure_differs, "How long is it?", "How many hours is it?"),
        (measure_differs, "Wait 3 minutes", "Wait 3 min"),
        (quantity_differs, "Are there any risks?", "Are there risks?"),
        (quantity_differs, "Once per week", "Once each week"),
        (relation_differs, "Not while driving", "Not when driving"),
        (manner_differs, "How can I do it?", "How should I do it?"),
        (others_differ, "The forest", "The woods"),
    ],
)
def test_what_says_the_same_passes(differs: Differs, one: str, other: str) -> None:
    """Both ways round."""
    assert not differs(take_apart(one), take_apart(other))
    assert not differs(take_apart(other), take_apart(one))
