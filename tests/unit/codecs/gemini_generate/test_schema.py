"""The API's schemas and JSON Schema."""

from typing import Any

import pytest

from proxy.codecs.gemini_generate.schema import fits, says_nothing, to_json_schema


def test_an_api_schema_becomes_json_schema() -> None:
    """Types in lower case, `nullable` in the type, bounds as numbers, order left out, at every level."""
    given = {
        "type": "OBJECT",
        "propertyOrdering": ["a"],
        "properties": {
            "a": {"type": "ARRAY", "items": {"type": "STRING", "nullable": True, "enum": ["x"]}, "min_items": "1"},
            "b": {"any_of": [{"type": "INTEGER"}, {"type": "NUMBER"}], "nullable": True},
            "c": {"type": "NUMBER", "nullable": False, "description": None},
            "type": {"type": "STRING"},
        },
        "required": ["a"],
    }
    assert to_json_schema(given) == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": ["string", "null"], "enum": ["x", None]}, "minItems": 1},
            "b": {"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]},
            "c": {"type": "number"},
            "type": {"type": "string"},
        },
        "required": ["a"],
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]}, True),
        ({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer", "format": "int64"}}}}, True),
        ({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "number"}]}}}, True),
        ({"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}}, True),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}, False),
        ({"type": "object", "properties": {"a": {"type": ["string", "null"]}}}, False),
        ({"type": "object", "properties": {"a": {"const": 1}}}, False),
        ({"type": "object", "properties": {"a": {"type": "integer", "enum": [1]}}}, False),
        ({"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}}, False),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, False),
        ({"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}, False),
        ({"type": "object", "properties": {"a": True}}, False),
        ({"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"type": "string"}]}}}, False),
        ({"type": "string", "items": {"type": "string"}}, False),
        ({"description": "anything"}, False),
        (True, False),
    ],
)
def test_what_the_apis_own_schema_can_say(schema: Any, expected: bool) -> None:
    """Everything else goes out as JSON Schema."""
    assert fits(schema) is expected


def test_a_schema_without_properties_says_nothing() -> None:
    """The API wants it left out."""
    assert says_nothing({"type": "object", "properties": {}, "additionalProperties": False})
    assert not says_nothing({"type": "object", "properties": {"a": {}}})
    assert not says_nothing({"type": "object", "anyOf": []})
