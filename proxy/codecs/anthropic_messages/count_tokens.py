"""`POST /v1/messages/count_tokens`. Source: anthropic SDK 2.12, types/message_count_tokens_params.py, read 2026-11-26."""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked, convert
from proxy.codecs.counting import count_in, only

_KNOWN = frozenset(
    ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "cache_control", "mcp_servers")
)


class _Turn(msgspec.Struct, gc=False):
    role: str


class _Request(msgspec.Struct, gc=False):
    model: str
    messages: list[_Turn]


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field."""
    if body.get("model") == "":
        raise InvalidBody("model: must not be empty", "model")
    if body.get("messages") == []:
        raise InvalidBody("messages: at least one message is required", "messages")
    return Asked(convert(body, _Request).model, False, False)


def generation(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The Messages API wants a limit, which counts for nothing."""
    return {"max_tokens": 1, **body}, ""


def own(body: dict[str, Any], model: str) -> dict[str, Any]:
    return {**body, "model": model}


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    return only(body, _KNOWN)


def encode_count(total: int) -> dict[str, Any]:
    return {"input_tokens": total}


def decode_count(body: bytes) -> int:
    return count_in(body, "input_tokens")
