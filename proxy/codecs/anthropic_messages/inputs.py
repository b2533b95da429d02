"""The argument text of the canonical types → a tool call's `input` object."""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import parse_json


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
