"""Readers of JSON fields: each returns the typed value or raises InvalidBody with the field's JSON path."""

from typing import Any

from proxy.codecs.base import InvalidBody

DIALECT = "anthropic_messages"

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


def join(base: str, key: str) -> str:
    return f"{base}.{key}" if base else key


def wrong(value: Any, expected: str, path: str) -> InvalidBody:
    """`messages: expected an array, got a string`, in the manner of the API's own messages."""
    return InvalidBody(f"{path or 'body'}: expected {expected}, got {_KINDS.get(type(value), type(value).__name__)}", path)


def missing(path: str) -> InvalidBody:
    return InvalidBody(f"{path}: field required", path)


def as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(value, "an object", path)
    return value


def as_array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(value, "an array", path)
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(value, "a string", path)
    return value


def text(obj: dict[str, Any], key: str, base: str) -> str:
    """A required string."""
    if key not in obj:
        raise missing(join(base, key))
    return as_text(obj[key], join(base, key))


def name(obj: dict[str, Any], key: str, base: str) -> str:
    """A required string that is not empty."""
    value = text(obj, key, base)
    if not value:
        raise InvalidBody(f"{join(base, key)}: must not be empty", join(base, key))
    return value


def optional_text(obj: dict[str, Any], key: str, base: str) -> str | None:
    value = obj.get(key)
    return None if value is None else as_text(value, join(base, key))


def optional_array(obj: dict[str, Any], key: str) -> list[Any]:
    """A top-level array; empty where there is none."""
    value = obj.get(key)
    return [] if value is None else as_array(value, key)


def optional_flag(obj: dict[str, Any], key: str, base: str) -> bool | None:
    value = obj.get(key)
    if value is not None and not isinstance(value, bool):
        raise wrong(value, "a boolean", join(base, key))
    return value


def optional_integer(obj: dict[str, Any], key: str, base: str, *, minimum: int = 0) -> int | None:
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(value, "an integer", join(base, key))
    if value < minimum:
        raise InvalidBody(f"{join(base, key)}: must be at least {minimum}", join(base, key))
    return value


def optional_fraction(obj: dict[str, Any], key: str, base: str) -> float | None:
    """A number from 0 to 1."""
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(value, "a number", join(base, key))
    if not 0 <= value <= 1:
        raise InvalidBody(f"{join(base, key)}: must be between 0 and 1", join(base, key))
    return value
