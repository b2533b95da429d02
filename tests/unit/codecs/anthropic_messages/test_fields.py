"""Readers of single fields."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages import fields
from proxy.codecs.base import InvalidBody


def test_join_leaves_out_an_empty_base() -> None:
    """A top-level field's path is its name."""
    assert (fields.join("", "a"), fields.join("x[0]", "a")) == ("a", "x[0].a")


@pytest.mark.parametrize(
    ("value", "kind"), [({}, "an object"), ([], "an array"), (True, "a boolean"), (1, "a number"), (1.5, "a number"), (None, "null")]
)
def test_a_wrong_type_is_named(value: Any, kind: str) -> None:
    """The message says what is expected and what came."""
    with pytest.raises(InvalidBody) as caught:
        fields.text({"a": value}, "a", "base")
    assert (caught.value.message, caught.value.path) == (f"base.a: expected a string, got {kind}", "base.a")


def test_an_absent_field_is_missing_not_null() -> None:
    """Absence and null are told apart."""
    with pytest.raises(InvalidBody, match="a: field required"):
        fields.text({}, "a", "")


def test_null_is_no_value_for_optional_fields() -> None:
    """null means the same as absence where the field may be absent."""
    given = {"a": None}
    assert fields.optional_text(given, "a", "") is None
    assert fields.optional_flag(given, "a", "") is None
    assert fields.optional_integer(given, "a", "") is None
    assert fields.optional_fraction(given, "a", "") is None
    assert fields.optional_array(given, "a") == []


def test_empty_names_are_refused() -> None:
    """A name must say something."""
    with pytest.raises(InvalidBody, match=r"t\.name: must not be empty"):
        fields.name({"name": ""}, "name", "t")
