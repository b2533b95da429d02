"""Why two questions must not share an answer."""

import pytest

from proxy.cache.semantic.guards import conflict
from proxy.cache.semantic.text import take_apart


def between(one: str, other: str, alike: float | None = 1.0) -> str | None:
    there = conflict(take_apart(one), take_apart(other), None if alike is None else lambda a, b: alike)
    back = conflict(take_apart(other), take_apart(one), None if alike is None else lambda a, b: alike)
    assert (there is None) == (back is None)
    return there


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Is it safe to fly?", "Is it not safe to fly?", "negation"),
        ("Convert 5 miles", "Convert 6 miles", "number"),
        ("How much is a cup?", "How much is half a cup?", "number"),
        ("What is open on Monday?", "What is open on tuesday?", "date"),
        ("Who is the CEO of Apple?", "Who is the CEO of Intel?", "name"),
        ("Convert EUR to USD.", "Convert USD to EUR.", "name"),
        ("Where was it signed?", "Why was it signed?", "kind of question"),
        ("How do I enable this?", "How do I disable this?", "opposite"),
        ("How do I lock this door?", "How do I unlock this door?", "opposite"),
        ("Is tea healthier than coffee?", "Is coffee healthier than tea?", "order"),
    ],
)
def test_what_vectors_do_not_see_is_seen(one: str, other: str, why: str) -> None:
    """Even where every word is as near as can be, and both ways round."""
    assert between(one, other) == why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I sort a list in Python?", "How can I sort a list in Python?"),
        ("Convert 1,000 EUR to USD", "convert 1000 EUR to USD"),
        ("Name two uses of salt", "Tell me 2 uses of salt, please"),
        ("Why does it rain?", "What makes it rain?"),
    ],
)
def test_the_same_put_otherwise_passes(one: str, other: str) -> None:
    """With and without word vectors."""
    assert between(one, other) is None
    assert between(one, other, alike=None) is None


def test_words_that_do_not_stand_for_each_other_are_other_questions() -> None:
    """`alike` decides; without it, one is enough."""
    assert between("The capital of france?", "The capital of spain?", alike=0.09) == "content: france"
    assert between("The capital of france?", "The capital of spain?", alike=None) == "content"
    assert between("Write a poem on rain", "Write a verse on rain", alike=0.8) is None


def test_a_word_more_is_another_question_without_word_vectors() -> None:
    """Nothing tells what it adds; with them it has to be near to something that the other says."""
    assert between("How do I delete an account?", "How do I delete a shared account?", alike=None) == "content"
    assert between("How do I delete an account?", "How do I delete a shared account?", alike=0.9) is None


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("How do I import goods?", "How do I export goods?", "opposite"),
        ("What causes hypertension?", "What causes hypotension?", "opposite"),
        ("Is alcohol allowed during pregnancy?", "Is alcohol allowed after pregnancy?", "relation"),
        ("Wait 5 minutes", "Wait 5 hours", "unit"),
        ("What did it cost?", "What will it cost?", "tense"),
        ("Do all birds sing?", "Do most birds sing?", "quantity"),
        ("Can I park here?", "Where can I park here?", "manner"),
        ("How do owls hunt?", "Why do owls hunt?", "kind of question"),
        ("Was Abel killed by Cain?", "Was Cain killed by Abel?", "name"),
        ("Bonds or stocks?", "Bonds and stocks?", "small word"),
    ],
)
def test_small_words_and_pieces_of_words_are_seen(one: str, other: str, why: str) -> None:
    """Even where every word is as near as can be."""
    assert between(one, other) == why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, could you please tell me how tides work? Thanks", "How do tides work?"),
        ("In Bash, how do I write a loop?", "How do I write a loop in Bash?"),
        ("How are leaks prevented by plumbers?", "How do plumbers prevent leaks?"),
        ("What is the CDN used for?", "What is the content delivery network used for?"),
        ("A recipe for lentil soup", "Lentil soup recipe"),
        ("How do I buy a house?", "How do I purchase a house?"),
        ("Where do I recieve letters?", "Where do I receive letters?"),
        ("What is the colour of twenty one roses?", "What is the color of 21 roses?"),
    ],
)
def test_grammar_and_the_dictionary_need_no_vectors(one: str, other: str) -> None:
    """Politeness, clauses, voice, short forms, compounds, synonyms, slips, spelling, numbers."""
    assert between(one, other, alike=None) is None


def test_words_that_share_their_letters_are_not_near_for_that() -> None:
    """Whatever a model of pieces of words makes of them."""
    one, other = take_apart("Is ethanol safe?"), take_apart("Is methanol safe?")
    assert conflict(one, other, lambda a, b: 0.9 if {a, b} == {"ethanol", "methanol"} else 0.1) == "content: ethanol"


def test_nothing_to_compare_with_is_a_conflict() -> None:
    """What one asks about has no counterpart."""
    assert between("What is it?", "What is a volcano?") == "content: volcano"
