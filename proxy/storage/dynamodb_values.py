"""Python's JSON values ↔ DynamoDB's attribute values (`{"S": "text"}`).

Source: DynamoDB API reference, AttributeValue, read 2026-11-26. Numbers travel as decimal text.
"""

from collections.abc import Mapping
from typing import Any

from proxy.core.errors import BadRequest

Item = dict[str, dict[str, Any]]
Items = list[Item]


def to_item(values: Mapping[str, Any]) -> Item:
    """Without those that are None: an attribute that isn't there."""
    return {name: to_value(value) for name, value in values.items() if value is not None}


def from_item(item: Item) -> dict[str, Any]:
    return {name: from_value(value) for name, value in item.items()}


def to_value(value: Any) -> dict[str, Any]:
    """Raises BadRequest for text that is none, and TypeError for what is no JSON value and no bytes."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": _text(value)}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": {name: to_value(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [to_value(inner) for inner in value]}
        case _:
            raise TypeError(f"{type(value).__name__} has no attribute value")


def from_value(value: dict[str, Any]) -> Any:
    """Sets, which only others write, come as lists."""
    ((kind, content),) = value.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return _number(content)
        case "M":
            return from_item(content)
        case "L":
            return [from_value(inner) for inner in content]
        case "NS":
            return [_number(inner) for inner in content]
        case "SS" | "BS":
            return list(content)
        case _:
            return content


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise BadRequest(f"the record store can't hold this: {exc}") from exc
    return value


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return int(number) if number.is_integer() else number
