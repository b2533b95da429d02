"""Readers of this dialect's fields."""

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.fields import optional_object, required, union


def test_a_union_has_exactly_one_member() -> None:
    """Nulls count as absent."""
    assert union({"text": "a", "image": None}, "p") == ("text", "a")
    for value in ({}, {"a": 1, "b": 2}, {"a": None}, "text", None):
        with pytest.raises(InvalidBody) as caught:
            union(value, "p")
        assert caught.value.path == "p"


def test_required_and_optional() -> None:
    """Null is absent; the path is the field's."""
    with pytest.raises(InvalidBody, match=r"a\.b: field required"):
        required({"b": None}, "b", "a")
    assert required({"b": 0}, "b", "a") == 0
    assert optional_object({"b": None}, "b") is None
    with pytest.raises(InvalidBody, match="b: expected an object, got an array"):
        optional_object({"b": []}, "b")
