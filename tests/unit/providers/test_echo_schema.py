"""Smallest instances of JSON Schemas."""

from typing import Any

import pytest

from proxy.providers.echo_schema import minimal_instance

NODE: dict[str, Any] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["name", "next"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"type": "string"}, "echo"),
        ({"type": "string", "minLength": 6}, "echo.."),
        ({"type": "string", "maxLength": 2}, "ec"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "format": "odd"}, "echo"),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 0),
        ({"type": []}, None),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"type": "string", "enum": ["red", "blue"]}, "red"),
        ({"enum": []}, None),
        (True, None),
        ({}, None),
    ],
)
def test_scalars(schema: Any, instance: object) -> None:
    """Scalars get the smallest value that their words allow."""
    assert minimal_instance(schema) == instance


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ({}, 0),
        ({"minimum": 5}, 5),
        ({"minimum": -5}, 0),
        ({"maximum": -5}, -5),
        ({"exclusiveMinimum": 0}, 1),
        ({"exclusiveMaximum": 0}, -1),
        ({"minimum": 5, "multipleOf": 4}, 8),
        ({"exclusiveMinimum": 8, "multipleOf": 4}, 12),
        ({"maximum": -5, "multipleOf": 4}, -8),
        ({"minimum": 1.5}, 2),
        ({"minimum": True}, 0),
    ],
)
def test_integers(words: dict[str, Any], value: int) -> None:
    """Integers: 0 where it may be, else the nearest allowed."""
    assert minimal_instance({"type": "integer", **words}) == value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ({"minimum": 1.5}, 1.5),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"exclusiveMinimum": 0}, 1),
        ({"exclusiveMaximum": 0, "minimum": -1}, -0.5),
        ({"multipleOf": 0.5, "minimum": 0.7}, 1.0),
    ],
)
def test_numbers(words: dict[str, Any], value: float) -> None:
    """Numbers may stand between two exclusive bounds."""
    assert minimal_instance({"type": "number", **words}) == value


def test_object_has_only_what_is_required() -> None:
    """Optional properties are left out; a required one without a schema becomes a string."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "c", 5]}
    assert minimal_instance(schema) == {"a": 0, "c": "echo"}
    assert minimal_instance({"type": "object", "properties": [], "required": "x"}) == {}


def test_arrays() -> None:
    """Arrays are as short as allowed: prefix items first, then items; absurd lengths are capped."""
    assert minimal_instance({"type": "array", "items": {"type": "string"}}) == []
    schema = {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}, "minItems": 3}
    assert minimal_instance(schema) == [0, False, False]
    assert len(minimal_instance({"type": "array", "items": {}, "minItems": 10**9})) == 1000
    assert minimal_instance({"type": "array", "minItems": "2"}) == []


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"a": None}),
        ({"items": {"type": "string"}, "minItems": 1}, ["echo"]),
        ({"minimum": 2}, 2),
        ({"minLength": 1}, "echo"),
    ],
)
def test_implied_types(schema: dict[str, Any], instance: object) -> None:
    """A schema without a type is read by its words."""
    assert minimal_instance(schema) == instance


def test_any_of() -> None:
    """The first branch without a reference is taken, together with what stands beside it."""
    schema = {"anyOf": [{"$ref": "#/x"}, {"required": ["a"]}], "type": "object", "properties": {"a": {"const": 1}}}
    assert minimal_instance(schema) == {"a": 1}
    assert minimal_instance({"oneOf": [{"type": "integer"}, {"type": "string"}]}) == 0
    assert minimal_instance({"anyOf": [{"$ref": "#/$defs/s"}], "$defs": {"s": {"type": "string"}}}) == "echo"
    assert minimal_instance({"anyOf": [True]}) is None


def test_all_of() -> None:
    """All branches hold: properties and required add up."""
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
            {"properties": {"b": {"const": 2}}, "required": ["b", "a"]},
            True,
        ]
    }
    assert minimal_instance(schema) == {"a": 1, "b": 2}


def test_recursion_ends() -> None:
    """A nullable recursion ends at null; one that requires itself ends at the depth limit."""
    assert minimal_instance(NODE) == {"name": "echo", "next": None}
    endless = {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}
    deep, depth = minimal_instance(endless), 0
    while deep is not None:
        deep, depth = deep["self"], depth + 1
    assert depth == 33


def test_bushy_recursion_is_bounded() -> None:
    """A schema that requires itself twice, or folds itself in, ends after a bounded number of steps."""
    twice = {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]}
    assert set(minimal_instance(twice)) == {"a", "b"}
    assert minimal_instance({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}) is None


def test_references() -> None:
    """Pointers walk objects and lists and unescape their steps; circles and dangling ones allow anything."""
    assert minimal_instance({"$ref": "#/a~1b/1", "a/b": [0, {"const": 3}]}) == 3
    assert minimal_instance({"$ref": "#/none/x"}) is None
    assert minimal_instance({"$ref": "#/list/9", "list": []}) is None
    assert minimal_instance({"$ref": "#/list", "list": []}) is None
    assert minimal_instance({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}) is None


def test_own_text() -> None:
    """Strings are filled with the caller's text."""
    assert minimal_instance({"type": "string"}, "hi") == "hi"
