"""`POST /model/{id}/count-tokens`. `model` and `stream` are the URL's, put at the top of the body.

    {"input": {"converse": {messages, system, toolConfig, additionalModelRequestFields}}}
    {"input": {"invokeModel": {"body": base64}}}      passes to Bedrock only

Source: botocore 1.44.5, bedrock-runtime service model (CountTokensRequest), read 2026-11-26.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked, convert
from proxy.codecs.counting import count_in, only

_KNOWN = frozenset(("messages", "system", "toolConfig", "additionalModelRequestFields"))


class _Input(msgspec.Struct, gc=False):
    converse: dict[str, Any] | None = None
    invokeModel: dict[str, Any] | None = None


class _Request(msgspec.Struct, gc=False):
    model: str
    input: _Input


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field."""
    asked = convert(body, _Request)
    if not asked.model:
        raise InvalidBody("model: must not be empty", "model")
    given = asked.input
    if (given.converse is None) == (given.invokeModel is None):
        raise InvalidBody("input: exactly one of converse and invokeModel is required", "input")
    if given.converse is not None and not given.converse.get("messages"):
        raise InvalidBody("input.converse.messages: at least one message is required", "input.converse.messages")
    return Asked(asked.model, False, False)


def generation(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    converse = body["input"].get("converse")
    if converse is None:
        raise InvalidBody("input.invokeModel: this model's provider counts Converse requests only", "input.invokeModel")
    return {**only(converse, _KNOWN), "model": body["model"], "stream": False}, "input.converse"


def own(body: dict[str, Any], model: str) -> dict[str, Any]:
    return {**body, "model": model}


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    return {"input": {"converse": only(body, _KNOWN)}}


def encode_count(total: int) -> dict[str, Any]:
    return {"inputTokens": total}


def decode_count(body: bytes) -> int:
    return count_in(body, "inputTokens")
