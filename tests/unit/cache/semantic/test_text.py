"""A question taken apart."""

import pytest

from proxy.cache.semantic.text import stem, take_apart


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Round 2.10 and 1,000 please", ("2.1", "1000")),
        ("the 3rd of twenty", ("3", "20")),
        ("version 1.2.3 at 10:30", ("1.2.3", "10:30")),
        ("no numbers", ()),
    ],
)
def test_numbers_are_read_as_values_in_order(text: str, numbers: tuple[str, ...]) -> None:
    """Words and ordinals too; what is no number stands as written."""
    assert take_apart(text).numbers == numbers


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What does Kant say?", ("kant",)),
        ("Kant said what?", ()),
        ("Call get_items or userName in a.b", ("get_items", "username", "a.b")),
        ("Is C++ fast? Yes", ("c", "+", "+")),
        ("mail me@example.org or see https://example.org/x", ("me@example.org", "https://example.org/x")),
        ("Do I know? I do", ()),
    ],
)
def test_names_are_what_is_written_like_names(text: str, names: tuple[str, ...]) -> None:
    """Not the first word of a sentence: that has its capital from the grammar."""
    assert take_apart(text).names == names


def test_content_leaves_out_how_a_question_is_put() -> None:
    """Function words, requests and grammar's endings."""
    assert take_apart("Please tell me how the cats' kittens are playing").content == take_apart("how does a cat kitten play?").content


@pytest.mark.parametrize(("word", "root"), [("cities", "city"), ("running", "run"), ("glass", "glass"), ("cat's", "cat"), ("is", "is")])
def test_stems_are_cut(word: str, root: str) -> None:
    """Crudely, but never to nothing."""
    assert stem(word) == root
