"""Readers of single fields."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields


def test_both_spellings_are_one_field() -> None:
    """camelCase wins; null is absent."""
    assert fields.pick({"max_output_tokens": 3}, "maxOutputTokens") == 3
    assert fields.pick({"maxOutputTokens": None, "max_output_tokens": 3}, "maxOutputTokens") == 3
    assert fields.key_of({"max_output_tokens": 3}, "maxOutputTokens") == "max_output_tokens"
    assert fields.key_of({}, "maxOutputTokens") == "maxOutputTokens"
    assert fields.camel("max_output_tokens") == "maxOutputTokens"


def test_the_rest_knows_both_spellings() -> None:
    """Null says nothing."""
    assert fields.rest({"top_k": 1, "topP": 2, "new": 3, "null": None, "other_one": 4}, frozenset(("topK", "topP"))) == {
        "new": 3,
        "other_one": 4,
    }


@pytest.mark.parametrize(("value", "expected"), [(3, 3), (3.0, 3), ("3", 3), ("-3", -3), (3.5, None), ("x", None), (True, None)])
def test_integers_may_be_strings_or_integral_floats(value: Any, expected: int | None) -> None:
    """As Protocol Buffers' JSON has it."""
    assert fields.integer(value) == expected


def test_one_object_stands_for_a_list() -> None:
    """The API takes it, and clients send it."""
    assert fields.optional_list({"tools": {"a": 1}}, "tools", "") == [{"a": 1}]
    assert fields.optional_list({}, "tools", "") == []


Reader = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (lambda o: fields.text(o, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_object(o, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_list(o, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_flag(o, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_text(o, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_integer({"some_name": "x"}, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_integer({"some_name": 0}, "someName", "at", minimum=1), "at.some_name"),
        (lambda o: fields.optional_number({"some_name": "1"}, "someName", "at"), "at.some_name"),
        (lambda o: fields.optional_number({"some_name": 3}, "someName", "at", 0, 2), "at.some_name"),
        (lambda o: fields.optional_content({"some_name": 3}, "someName"), "some_name"),
        (lambda o: fields.text({}, "someName", "at"), "at.someName"),
    ],
)
def test_a_wrong_value_is_named_as_the_client_spells_it(read: Reader, path: str) -> None:
    """The path is the client's own."""
    with pytest.raises(InvalidBody) as caught:
        read({"some_name": 5})
    assert caught.value.path == path


def test_an_invented_id_follows_from_its_seed() -> None:
    """The same seed gives the same id, another one another."""
    assert fields.invented_id("a", 1) == fields.invented_id("a", 1)
    assert fields.invented_id("a", 1) != fields.invented_id("a", 2)
