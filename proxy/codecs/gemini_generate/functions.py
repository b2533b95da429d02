"""A call's arguments and a function's response ↔ text.

Source: ai.google.dev "FunctionResponse": `output` holds the output and `error` the error; where neither is there, the whole object is the
output. Read 2026-11-25. `result` is what the API's guide uses in place of `output`.
"""

from typing import Any

import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_text, parse_json

_OUTPUT = ("output", "result")


def parse_arguments(text: str, path: str) -> dict[str, Any]:
    """Empty text is the call without arguments. Raises InvalidBody at `path`."""
    if not text.strip():
        return {}
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except InvalidBody as exc:
        raise InvalidBody(f"{path}: not valid JSON: {exc.message}", path) from None
    if not isinstance(value, dict):
        raise InvalidBody(f"{path} must be a JSON object", path)
    return value


def text_of(response: dict[str, Any]) -> tuple[str, bool]:
    """(text, whether it is an error)."""
    if len(response) == 1:
        [(key, value)] = response.items()
        if key in _OUTPUT or key == "error":
            return (value if isinstance(value, str) else dump_text(value)), key == "error"
    return (dump_text(response) if response else ""), False


def response_of(text: str, *, is_error: bool) -> dict[str, Any]:
    """A JSON object is the response itself."""
    if is_error:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            value = parse_json(text.encode("utf-8", "surrogatepass"))
            orjson.dumps(value)
        except (InvalidBody, TypeError):
            return {"output": text}
        if isinstance(value, dict) and value:
            return value
    return {"output": text}
