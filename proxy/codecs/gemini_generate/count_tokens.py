"""countTokens, both ways. Source: ai.google.dev "models.countTokens", read 2026-11-25.

The request names its contents, or a whole generateContentRequest whose tools and instructions count too.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.request import decode_request
from proxy.codecs.jsonbody import parse_object
from proxy.core.request import ChatRequest


def decode_count_request(body: dict[str, Any]) -> ChatRequest:
    """`model` is that of the URL. Raises InvalidBody where both forms are given, or neither."""
    inner = fields.optional_object(body, "generateContentRequest", "")
    key = fields.key_of(body, "generateContentRequest")
    if inner is None:
        return decode_request(body)
    if fields.pick(body, "contents") is not None:
        raise InvalidBody(f"contents and {key} exclude each other", "contents")
    try:
        return decode_request({**inner, "model": body.get("model") or inner.get("model")})
    except InvalidBody as exc:
        raise InvalidBody(f"{key}: {exc.message}", fields.join(key, exc.path)) from None


def encode_count(total_tokens: int) -> dict[str, Any]:
    return {"totalTokens": total_tokens}


def decode_count(body: bytes) -> int:
    """The count of a provider's answer. Raises InvalidBody where there is none."""
    answer = parse_object(body)
    total = fields.optional_integer(answer, "totalTokens", "", minimum=0)
    if total is None:
        raise InvalidBody("totalTokens is missing", "totalTokens")
    return total
