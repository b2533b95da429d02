"""Readers of JSON fields: those of the Messages codec, whose wording suits every dialect, and this dialect's own."""

from typing import Any

from proxy.codecs.anthropic_messages.fields import (
    as_array,
    as_object,
    as_text,
    join,
    missing,
    name,
    optional_flag,
    optional_fraction,
    optional_integer,
    optional_text,
    text,
)
from proxy.codecs.base import InvalidBody

__all__ = [
    "DIALECT",
    "as_array",
    "as_object",
    "as_text",
    "join",
    "missing",
    "name",
    "optional_flag",
    "optional_fraction",
    "optional_integer",
    "optional_object",
    "optional_text",
    "required",
    "text",
    "union",
]

DIALECT = "bedrock_converse"


def required(obj: dict[str, Any], key: str, base: str) -> Any:
    """A required field of any type but null."""
    value = obj.get(key)
    if value is None:
        raise missing(join(base, key))
    return value


def optional_object(obj: dict[str, Any], key: str, base: str = "") -> dict[str, Any] | None:
    value = obj.get(key)
    return None if value is None else as_object(value, join(base, key))


def union(value: Any, path: str) -> tuple[str, Any]:
    """The one member of a tagged union (`{"text": "…"}`). Raises InvalidBody where there is none, or more than one."""
    members = [(key, item) for key, item in as_object(value, path).items() if item is not None]
    if len(members) != 1:
        raise InvalidBody(f"{path}: exactly one member must be set, got {', '.join(key for key, _ in members) or 'none'}", path)
    return members[0]
