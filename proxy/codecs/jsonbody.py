"""JSON bodies in and out, strict: what cannot be re-serialised exactly is refused with its place.

Decoding is msgspec's, because orjson turns integers beyond 64 bits into floats silently; orjson then refuses those integers when
the body is serialised for the upstream, which every body is, so the check costs an ordinary body nothing. orjson also names the
place of a syntax error better, so it is asked once msgspec has refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from proxy.codecs.base import InvalidBody

MAX_DEPTH = 128
"""Nesting of arrays and objects; ten times what tool schemas reach, far under the parsers' own recursion limits."""

_ORJSON_DEPTH = 254
"""Levels that orjson.dumps accepts; a test holds it to that."""

_decode = msgspec.json.Decoder().decode
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


def parse_json(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value; of duplicate keys the last wins. Raises InvalidBody with line, column and byte offset where the body is empty, is
    not UTF-8, is malformed, holds a lone surrogate, a number out of range, or nests deeper than `max_depth`."""
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _explained(body, max_depth) from None
    if body.count(b"{") + body.count(b"[") > max_depth and _is_deeper(value, max_depth):
        raise _too_deep(body, max_depth)
    return value


def parse_object(body: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """As parse_json, for bodies that must be an object."""
    value = parse_json(body, max_depth=max_depth)
    if type(value) is not dict:
        raise InvalidBody(f"The body must be a JSON object, not {kind_of(value)}")
    return value


def require_utf8(body: bytes) -> None:
    """Raises InvalidBody with the place of the first byte that is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        raise _at(body, exc.start, "not UTF-8") from None


def dump_json(value: Any) -> bytes:
    """Compact JSON. Raises InvalidBody with the JSON path of an integer beyond 64 bits or of a lone surrogate."""
    try:
        return orjson.dumps(value)
    except TypeError as exc:
        for path, reason in _unwritable(value, ""):
            raise InvalidBody(f"{path or 'The body'} {reason}", path) from None
        raise InvalidBody(f"The body cannot be written as JSON: {exc}") from None


def dump_text(value: Any) -> str:
    """Compact JSON as text, which unlike a body can carry integers beyond 64 bits: the standard library writes those."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def kind_of(value: Any) -> str:
    """A JSON value's type for an error text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _is_deeper(value: Any, limit: int) -> bool:
    """orjson refuses what nests deeper than its own limit, so wrapping by the difference asks it in a fifth of the time that looking
    takes; its refusal may have another cause, and is looked into level by level."""
    wrapped = value
    for _ in range(_ORJSON_DEPTH - limit):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return _depth_exceeds(value, limit)
    return False


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value] if type(value) in (dict, list) else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            return True
        level = [item for node in level for item in (node.values() if type(node) is dict else node) if type(item) in (dict, list)]
    return False


def _explained(body: bytes, max_depth: int) -> InvalidBody:
    if not body.strip():
        return InvalidBody("The body is empty; JSON is expected")
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        return _at(body, exc.start, "not UTF-8")
    if (depth := _too_deep_offset(body, max_depth)) is not None:
        return _at(body, depth, f"nested deeper than {max_depth} levels")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        return _at(body, len(text[: exc.pos].encode()), exc.msg.partition(": line ")[0])
    return InvalidBody("Invalid JSON: a number is out of range")


def _too_deep(body: bytes, max_depth: int) -> InvalidBody:
    return _at(body, _too_deep_offset(body, max_depth) or 0, f"nested deeper than {max_depth} levels")


def _too_deep_offset(body: bytes, max_depth: int) -> int | None:
    depth = 0
    for token in _BRACKETS.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth > max_depth:
                return token.start()
        elif token[0] in b"]}":
            depth -= 1
    return None


def _at(body: bytes, offset: int, reason: str) -> InvalidBody:
    before = body[:offset]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return InvalidBody(f"Invalid JSON at line {line} column {column} (byte {offset}): {reason}")


def _unwritable(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, reason) of everything orjson refuses, in document order."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not _is_unicode(key):
                yield path, "has a key with a lone surrogate"
            yield from _unwritable(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unwritable(item, f"{path}[{index}]")
    elif isinstance(value, str):
        if not _is_unicode(value):
            yield path, "holds a lone surrogate"
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        yield path, "is an integer beyond 64 bits"


def _is_unicode(text: Any) -> bool:
    """A lone surrogate has no UTF-8 form."""
    try:
        str(text).encode()
    except UnicodeEncodeError:
        return False
    return True
