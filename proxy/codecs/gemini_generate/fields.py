"""Readers of JSON fields: each returns the typed value or raises InvalidBody with the field's JSON path, as the client spells it.

The API is Protocol Buffers in JSON: every field may be written in camelCase or snake_case, null is absent, one object may stand for
a list of it, and an integer may be a string or an integral float.
Source: protobuf.dev "ProtoJSON Format", ai.google.dev "Generating content", read 2026-11-25.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import kind_of

DIALECT = "gemini_generate"

_UPPER = re.compile(r"[A-Z]")


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    return _UPPER.sub(lambda match: "_" + match[0].lower(), name)


def join(base: str, key: str) -> str:
    return f"{base}.{key}" if base else key


def wrong(value: Any, expected: str, path: str) -> InvalidBody:
    return InvalidBody(f"{path or 'The body'} must be {expected}, not {kind_of(value)}", path)


def key_of(obj: dict[str, Any], name: str) -> str:
    """The key under which `obj` has the field, or `name`."""
    if name in obj:
        return name
    other = snake(name)
    return other if other in obj else name


def pick(obj: dict[str, Any], name: str) -> Any:
    """The field's value, whichever way it is spelled; None where it is absent."""
    value = obj.get(name)
    return obj.get(snake(name)) if value is None else value


def rest(obj: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields outside of `known` (camelCase) that are not null."""
    return {key: value for key, value in obj.items() if value is not None and key not in known and not _is_snake_of(key, known)}


def _is_snake_of(key: str, known: frozenset[str]) -> bool:
    return "_" in key and camel(key) in known


@lru_cache(maxsize=256)
def camel(key: str) -> str:
    head, *tail = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


def as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(value, "an object", path)
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(value, "a string", path)
    return value


def text(obj: dict[str, Any], name: str, base: str) -> str:
    """A required string that is not empty."""
    value = optional_text(obj, name, base)
    if not value:
        path = join(base, key_of(obj, name))
        raise InvalidBody(f"{path} is required", path)
    return value


def optional_text(obj: dict[str, Any], name: str, base: str) -> str | None:
    value = pick(obj, name)
    return None if value is None else as_text(value, join(base, key_of(obj, name)))


def optional_object(obj: dict[str, Any], name: str, base: str) -> dict[str, Any] | None:
    value = pick(obj, name)
    return None if value is None else as_object(value, join(base, key_of(obj, name)))


def optional_list(obj: dict[str, Any], name: str, base: str) -> list[Any]:
    """A list; empty where there is none, of one item where an object stands for it."""
    value = pick(obj, name)
    if value is None:
        return []
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise wrong(value, "an array", join(base, key_of(obj, name)))
    return value


def optional_flag(obj: dict[str, Any], name: str, base: str) -> bool | None:
    value = pick(obj, name)
    if value is not None and not isinstance(value, bool):
        raise wrong(value, "a boolean", join(base, key_of(obj, name)))
    return value


def optional_integer(obj: dict[str, Any], name: str, base: str, *, minimum: int | None = None) -> int | None:
    value = pick(obj, name)
    if value is None:
        return None
    path = join(base, key_of(obj, name))
    number = integer(value)
    if number is None:
        raise wrong(value, "an integer", path)
    if minimum is not None and number < minimum:
        raise InvalidBody(f"{path} must be at least {minimum}, not {number}", path)
    return number


def integer(value: Any) -> int | None:
    """None for what is no integer."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def optional_number(obj: dict[str, Any], name: str, base: str, low: float | None = None, high: float | None = None) -> float | None:
    value = pick(obj, name)
    if value is None:
        return None
    path = join(base, key_of(obj, name))
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(value, "a number", path)
    if (low is not None and value < low) or (high is not None and value > high):
        raise InvalidBody(f"{path} must be between {low} and {high}, not {value:g}", path)
    return value


def invented_id(*seed: object) -> str:
    """Of a call that came without one: the same for the same seed."""
    return "call_" + blake2b(repr(seed).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def optional_content(obj: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A top-level Content; a bare string stands for its text."""
    value = pick(obj, name)
    if value is None:
        return None
    return {"parts": [{"text": value}]} if isinstance(value, str) else as_object(value, key_of(obj, name))
