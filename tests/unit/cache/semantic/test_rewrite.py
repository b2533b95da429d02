"""The same question put plainly."""

import pytest

from proxy.cache.semantic.rewrite import LONGEST, active, clauses_in_order, compounded, plain, unframed


@pytest.mark.parametrize(
    "text",
    [
        "Hi, could you please tell me how tides work? Thanks!",
        "Good evening! I'd like to know how tides work, please.",
        "Explain to me how tides work",
        "How tides work",
        "Would you kindly tell me how tides work? Many thanks in advance.",
    ],
)
def test_politeness_is_left_out(text: str) -> None:
    """Greetings, requests, thanks."""
    assert unframed(text).lower().strip("?. ") == "how tides work"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the best way to whittle?", "How to whittle?"),
        ("What do I need to do to whittle?", "What are the steps to whittle?"),
        ("What is the reason that cats purr?", "Why cats purr?"),
        ("In which year did it end?", "At what time did it end?"),
        ("I need a poem.", "Write me a poem."),
        ("Isn't it late?", "Is it late?"),
        ("What does osmosis mean?", "What is the meaning of osmosis?"),
        ("Which ocean is the largest?", "What is the largest ocean?"),
    ],
)
def test_other_ways_to_ask_come_to_one(one: str, other: str) -> None:
    """Up to capitals."""
    assert plain(one).lower().strip("?. ") == plain(other).lower().strip("?. ")


def test_a_clause_before_the_sentence_goes_behind_it() -> None:
    """One that a preposition or a conjunction begins; a list is none."""
    assert clauses_in_order("In Bash, how do I loop?") == "how do I loop in Bash"
    assert clauses_in_order("If it rains, what then?") == "what then if it rains"
    assert clauses_in_order("Apples, pears, plums") == "Apples, pears, plums"
    assert plain("With a toddler, please suggest a trip.") == "suggest a trip with a toddler"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("how are races prevented by Rust", "how are Rust prevented races"),
        ("can my mail be read by an employer", "can an employer be read my mail"),
        ("was Abel killed by Cain", "was Cain killed Abel"),
        ("how is it broken down by the liver", "how is the liver broken down it"),
        ("by who was it written", "who was written it"),
        ("how is interest calculated", "how is calculated interest"),
        ("where is the nearest used car", "where is the nearest used car"),
        ("who drives by night", "who drives by night"),
    ],
)
def test_the_passive_is_turned(text: str, said: str) -> None:
    """Who does it stands first; nobody's swap with anybody."""
    assert active(text.split(), frozenset({"read", "broken", "written"})) == said.split()


def test_of_two_nouns_the_telling_one_goes_first() -> None:
    """From the last."""
    assert compounded(["a", "recipe", "for", "lentil", "soup"]) == ["a", "lentil", "soup", "recipe"]
    assert compounded(["the", "causes", "of", "death", "of", "bees"]) == ["the", "bees", "death", "causes"]


def test_a_long_text_stays_as_it_is() -> None:
    """Also one that is made to be slow."""
    text = "If, " + "?" * LONGEST
    assert plain(text) == text
