"""A smallest instance of a JSON Schema: what the echo provider answers with for tools and `response_format`.

Understood: type (also a list), properties, required, items, prefixItems, minItems, minLength, minimum, maximum, the exclusive bounds,
multipleOf, enum, const, anyOf, oneOf, allOf, `$ref` into the same document, and the common `format`s. `pattern`, `not`, `if` and
`dependent*` are not solved: an instance may break those. Recursion ends at the first optional or nullable place; a schema that
requires itself without end yields null at depth 32 or after 10 000 steps, whichever comes first.
"""

import math
from typing import Any, TypeGuard
from urllib.parse import unquote

_MAX_DEPTH = 32
_MAX_STEPS = 10_000

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "echo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def minimal_instance(schema: Any, text: str = "echo") -> Any:
    """`text` fills strings that have no other constraint than their length."""
    return _Builder(schema, text).build(schema, 0)


class _Builder:
    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text
        self._steps = 0

    def build(self, schema: Any, depth: int) -> Any:
        self._steps += 1
        if not isinstance(schema, dict) or depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return None
        schema = self._resolve(schema, depth)
        if "const" in schema:
            return schema["const"]
        if isinstance(options := schema.get("enum"), list) and options:
            return options[0]
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := schema.get(word), list) and branches:
                rest = {key: value for key, value in schema.items() if key != word}
                return self.build(_merge(rest, self._cheapest(branches)), depth + 1)
        return self._by_type(schema, depth)

    def _resolve(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Follow `$ref` and fold `allOf` in; a chain of references that does not end is cut."""
        for _ in range(_MAX_DEPTH):
            self._steps += 1
            if depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
                break
            if isinstance(ref := schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merge(self._target(ref), rest)
            elif isinstance(parts := schema.get("allOf"), list):
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merge(schema, self._resolve(part, depth + 1) if isinstance(part, dict) else {})
            else:
                return schema
        return {}

    def _target(self, ref: str) -> dict[str, Any]:
        """JSON pointer in a URI fragment (`#/$defs/node`); what is not in this document allows anything."""
        node = self._root
        for step in ref.removeprefix("#").split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(name)
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                return {}
        return node if isinstance(node, dict) else {}

    def _cheapest(self, branches: list[Any]) -> dict[str, Any]:
        """The first branch that does not refer elsewhere, else the first: a nullable recursion ends at once."""
        usable = [branch for branch in branches if isinstance(branch, dict)]
        for branch in usable:
            if "$ref" not in branch:
                return branch
        return usable[0] if usable else {}

    def _by_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        if kind is None:
            kind = _implied_type(schema)
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return False
            case _:
                return None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        return {name: self.build(known.get(name, {"type": "string"}), depth + 1) for name in names if isinstance(name, str)}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        prefix = schema.get("prefixItems")
        heads = prefix if isinstance(prefix, list) else []
        items = schema.get("items")
        least = schema.get("minItems", 0)
        length = min(least, 1000) if isinstance(least, int) else 0
        return [self.build(heads[i] if i < len(heads) else items, depth + 1) for i in range(length)]

    def _string(self, schema: dict[str, Any]) -> str:
        known = _FORMATS.get(str(schema.get("format")))
        if known is not None:
            return known
        text = self._text
        if isinstance(least := schema.get("minLength"), int) and len(text) < least:
            text = text.ljust(min(least, 100_000), ".")
        if isinstance(most := schema.get("maxLength"), int):
            text = text[: max(most, 0)]
        return text


def _implied_type(schema: dict[str, Any]) -> str | None:
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string" if "minLength" in schema or "format" in schema else None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both constraints: `properties` and `required` add up, of other words `over`'s wins."""
    merged = {**base, **over}
    ours, theirs = base.get("properties"), over.get("properties")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        merged["properties"] = {**ours, **theirs}
    first, then = base.get("required"), over.get("required")
    if isinstance(first, list) and isinstance(then, list):
        merged["required"] = [*first, *then]
    return merged


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    """0 where allowed, else the allowed value next to it."""
    step = schema.get("multipleOf")
    grain = step if _is_number(step) and step > 0 else (1 if whole else None)
    low, high = _bound(schema, "minimum", "exclusiveMinimum"), _bound(schema, "maximum", "exclusiveMaximum")
    value: int | float = 0
    if low is not None and (low[0] > 0 or (low[0] == 0 and low[1])):
        value = _above(low, high, grain)
    elif high is not None and (high[0] < 0 or (high[0] == 0 and high[1])):
        negated = None if low is None else (-low[0], low[1])
        value = -_above((-high[0], high[1]), negated, grain)
    return int(value) if whole else value


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bound(schema: dict[str, Any], inclusive: str, exclusive: str) -> tuple[float, bool] | None:
    """(value, whether it is itself excluded)."""
    if _is_number(value := schema.get(exclusive)):
        return value, True
    if _is_number(value := schema.get(inclusive)):
        return value, False
    return None


def _above(low: tuple[float, bool], high: tuple[float, bool] | None, grain: float | None) -> float:
    """The smallest allowed value from a lower bound that is 0 or more."""
    bound, excluded = low
    if grain is not None:
        value = math.ceil(bound / grain) * grain
        return value + grain if excluded and value == bound else value
    if not excluded:
        return bound
    return bound + 1 if high is None else (bound + high[0]) / 2
