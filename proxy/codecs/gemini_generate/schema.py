"""The API's `Schema` (a subset of OpenAPI 3.0) ↔ JSON Schema.

Source: ai.google.dev "Schema", "Function calling", read 2026-11-25. Types may be upper or lower case, `nullable` stands beside the type,
bounds of int64 are strings, an OBJECT must have properties. What of JSON Schema does not fit goes out as `parametersJsonSchema` or
`responseJsonSchema`.
"""

from typing import Any

_BOUNDS = frozenset(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"))
_WORDS = frozenset(("type", "format", "title", "description", "nullable", "enum", "pattern", "example", "default", "minimum", "maximum"))
_KEYS = _BOUNDS | _WORDS | {"items", "properties", "required", "anyOf", "propertyOrdering"}
_TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object"))
_FORMATS = {
    "string": frozenset(("enum", "date-time")),
    "number": frozenset(("float", "double")),
    "integer": frozenset(("int32", "int64")),
}
_SNAKE = {
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "any_of": "anyOf",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
    "defs": "$defs",
    "ref": "$ref",
}


def to_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A fresh value. Fields that are no part of `Schema` pass."""
    out: dict[str, Any] = {}
    nullable = False
    for given, value in schema.items():
        key = _SNAKE.get(given, given)
        if key == "nullable":
            nullable = value is True
        elif key == "propertyOrdering" or value is None:
            continue
        else:
            out[key] = _converted(key, value)
    return _nullable(out) if nullable else out


def _converted(key: str, value: Any) -> Any:
    if key == "type" and isinstance(value, str):
        return value.lower()
    if key == "properties" and isinstance(value, dict):
        return {name: to_json_schema(item) if isinstance(item, dict) else item for name, item in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return to_json_schema(value)
    if key == "anyOf" and isinstance(value, list):
        return [to_json_schema(item) if isinstance(item, dict) else item for item in value]
    if key in _BOUNDS and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema


def fits(schema: Any) -> bool:
    """Whether a JSON Schema, as it is, is a `Schema` of the API as well. One without a type is not."""
    if not isinstance(schema, dict) or not schema.keys() <= _KEYS:
        return False
    if "anyOf" in schema:
        # the API takes nothing beside it
        choices = schema["anyOf"]
        return len(schema) == 1 and isinstance(choices, list) and all(fits(item) for item in choices)
    kind = schema.get("type")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        return False
    kind = kind.lower()
    if "format" in schema and schema["format"] not in _FORMATS.get(kind, ()):
        return False
    enum = schema.get("enum", [])
    if not isinstance(enum, list) or (enum and kind != "string") or not all(isinstance(item, str) and item for item in enum):
        return False
    if kind == "array":
        return fits(schema.get("items"))
    if kind == "object":
        properties = schema.get("properties")
        return isinstance(properties, dict) and bool(properties) and all(fits(item) for item in properties.values())
    return "items" not in schema and "properties" not in schema


def says_nothing(schema: dict[str, Any]) -> bool:
    """An object without properties, which the API wants left out."""
    return schema.keys() <= {"type", "properties", "required", "additionalProperties", "$schema", "title"} and not schema.get("properties")
