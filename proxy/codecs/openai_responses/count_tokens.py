"""`POST /v1/responses/input_tokens`. Source: openai-python 3.54, types/responses/input_token_count_params.py, read 2026-11-26."""

from typing import Any

from proxy.codecs.check import Asked
from proxy.codecs.counting import count_in, only
from proxy.codecs.openai_responses.check import check as check_request

_KNOWN = frozenset(("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"))


def check(body: dict[str, Any]) -> Asked:
    """As for an answer. Raises InvalidBody naming the field."""
    return Asked(check_request(body).model, False, False)


def generation(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return body, ""


def own(body: dict[str, Any], model: str) -> dict[str, Any]:
    return {**body, "model": model}


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    return only(body, _KNOWN)


def encode_count(total: int) -> dict[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": total}


def decode_count(body: bytes) -> int:
    return count_in(body, "input_tokens")
