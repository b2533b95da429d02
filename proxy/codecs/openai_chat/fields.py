"""Checks of single fields, and where fields go that the canonical types do not know.

An unknown field is kept under a key that is its path relative to its owner: `Message.extra["content[1].prompt_cache_breakpoint"]`,
`ChatRequest.extra["tools[0].function.x"]`. The same dialect writes it back there, every other dialect reports that path.
"""

import binascii
import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import kind_of

DIALECT = "openai_chat"

Check = Callable[[Any, str], Any]
T = TypeVar("T")

_PLAIN_KEY = re.compile(r'[^.\[\]"]+')
_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')


def wrong(path: str, expected: str, value: Any) -> InvalidBody:
    return InvalidBody(f"{path} must be {expected}, not {kind_of(value)}", path)


def string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(path, "a string", value)
    return value


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(path, "a boolean", value)
    return value


def record(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    return value


def array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(path, "an array", value)
    return value


def integer(minimum: int | None = None) -> Callable[[Any, str], int]:
    def check(value: Any, path: str) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidBody(f"{path} must be an integer", path)
        if minimum is not None and value < minimum:
            raise InvalidBody(f"{path} must be at least {minimum}, not {value}", path)
        return value

    return check


def number(low: float | None = None, high: float | None = None) -> Callable[[Any, str], float]:
    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(path, "a number", value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise InvalidBody(f"{path} must be between {low:g} and {high:g}, not {value:g}", path)
        return value

    return check


def required(owner: dict[str, Any], key: str, check: Callable[[Any, str], T], path: str) -> T:
    """`owner[key]`, checked; `path` is the owner's."""
    where = f"{path}.{key}" if path else key
    value = owner.get(key)
    if value is None:
        raise InvalidBody(f"{where} is required", where)
    return check(value, where)


def optional(owner: dict[str, Any], key: str, check: Callable[[Any, str], T], path: str) -> T | None:
    """None where the key is absent or null, which mean the same to this API."""
    value = owner.get(key)
    if value is None:
        return None
    return check(value, f"{path}.{key}" if path else key)


def base64_text(value: str, path: str) -> str:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError as exc:
        raise InvalidBody(f"{path} is not valid base64: {exc}", path) from None
    return value


def split_data_url(url: str, path: str) -> tuple[str, str] | None:
    """(media type, base64 text) of `data:image/png;base64,…`; None for any other URL. Raises InvalidBody on invalid base64."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url.partition(",")
    if not comma:
        raise InvalidBody(f"{path} is not a valid data URL: the comma is missing", path)
    media_type, *parameters = head[5:].split(";")
    if not parameters or parameters[-1].strip().lower() != "base64":
        return None
    return media_type, base64_text(data, path)


def keep_rest(owner: dict[str, Any], known: Collection[str], prefix: str, extra: dict[str, Any]) -> None:
    """Move what is not `known` into `extra`, under its path from `prefix` ("" for the owner of `extra` itself)."""
    for key, value in owner.items():
        if key not in known:
            extra[_join(prefix, key)] = value


def restore(target: dict[str, Any], extra: dict[str, Any]) -> None:
    """Write back what keep_rest took; a place that is gone since (a part was removed) is passed over."""
    for path, value in extra.items():
        if _PLAIN_KEY.fullmatch(path):
            target[path] = value
            continue
        *steps, last = _steps(path)
        node = _walk(target, steps)
        if isinstance(node, dict) and isinstance(last, str):
            node[last] = value


def _join(prefix: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f"{prefix}[{orjson.dumps(key).decode()}]"
    return f"{prefix}.{key}" if prefix else key


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else orjson.loads(quoted) if quoted else name for name, index, quoted in _STEP.findall(path)]


def _walk(node: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                return None
            node = node[step]
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return node
