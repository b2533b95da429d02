"""JSON values ↔ attribute values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.storage.dynamodb_values import Item, from_item, from_value, to_item, to_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_goes_in_comes_out(value: Any) -> None:
    """Equal, that is: a float that is whole may come back as an integer."""
    assert from_value(to_value(value)) == value


def test_what_is_none_is_not_there() -> None:
    """At the top."""
    assert to_item({"a": None, "b": [None], "c": b"x"}) == {"b": {"L": [{"NULL": True}]}, "c": {"B": b"x"}}


def test_what_others_write_is_read() -> None:
    """Sets, and numbers in any spelling."""
    item: Item = {"s": {"SS": ["a"]}, "n": {"NS": ["1", "2.5"]}, "e": {"N": "4E+4"}, "f": {"N": "60.0"}, "t": {"BOOL": True}}
    assert from_item(item) == {"s": ["a"], "n": [1, 2.5], "e": 40_000, "f": 60, "t": True}


def test_what_is_no_value_is_refused() -> None:
    """A mistake of ours."""
    with pytest.raises(TypeError, match="object"):
        to_value(object())
