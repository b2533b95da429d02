"""A tool call's `input` object ↔ the argument text of the canonical types."""

import json
from typing import Any

import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import parse_json


def dump_arguments(given: dict[str, Any]) -> str:
    """Compact JSON. orjson refuses integers beyond 64 bits, which text can carry: then the standard library writes it."""
    try:
        return orjson.dumps(given).decode()
    except TypeError:
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def parse_arguments(text: str, path: str) -> dict[str, Any]:
    """Empty text is the call without arguments. Raises InvalidBody at `path`."""
    if not text.strip():
        return {}
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except InvalidBody as exc:
        raise InvalidBody(f"{path}: not valid JSON: {exc.message}", path) from None
    if not isinstance(value, dict):
        raise InvalidBody(f"{path}: must be a JSON object", path)
    return value
