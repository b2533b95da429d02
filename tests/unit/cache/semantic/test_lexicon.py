"""Which words mean the same, and which the opposite."""

import pytest

from proxy.cache.semantic.lexicon import Lexicon, english


def test_words_of_one_meaning_are_the_same_in_every_form() -> None:
    """In either spelling."""
    assert english().same("attorneys", "lawyer")
    assert english().same("purchased", "bought")
    assert english().same("colours", "color")
    assert not english().same("cat", "dog")


def test_opposites_are_known_in_every_form() -> None:
    """From the table and from the list of this project."""
    assert english().opposed(["exports"], ["imports"])
    assert english().opposed(["enabled"], ["disabling"])
    assert english().opposed(["future"], ["past"])
    assert not english().opposed(["cat"], ["dog"])


@pytest.mark.parametrize(
    ("wrong", "right", "mistyped"), [("recieve", "receive", True), ("trial", "trail", False), ("causal", "casual", False)]
)
def test_a_mistyped_word_is_none_itself(wrong: str, right: str, mistyped: bool) -> None:
    """Two words that are both known are two words."""
    assert english().mistyped(wrong, right) == mistyped


def test_lines_of_the_table_are_read() -> None:
    """Each by its letter."""
    lexicon = Lexicon(
        ["s big large", "o good bad", "a ecg electrocardiogram", "p remove get rid", "i went go", "w table", "c diner dinner"]
    )
    assert lexicon.same("big", "large")
    assert lexicon.opposed(["bad"], ["good"])
    assert lexicon.shorts == {("ecg", "electrocardiogram")}
    assert lexicon.phrases == {("get", "rid"): "remove"}
    assert lexicon.bases == {"went": "go"}
    assert lexicon.known("tables")
    assert lexicon.known_itself("table")
    assert not lexicon.known_itself("tables")
