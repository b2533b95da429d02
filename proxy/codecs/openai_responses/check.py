"""The passthrough lane's look at a request: what every provider would refuse, in about a microsecond."""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked, convert
from proxy.codecs.openai_responses.request import STATEFUL


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    role: str | None = None


class _Request(msgspec.Struct, gc=False):
    model: str
    input: str | list[_Item] | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field. A stream always tells its usage."""
    model = body.get("model")
    if model is None or model == "":
        raise InvalidBody("model is required", "model")
    asked = convert(body, _Request)
    if asked.input is None and all(body.get(key) is None for key in STATEFUL):
        raise InvalidBody("input is required", "input")
    if asked.max_output_tokens is not None and asked.max_output_tokens < 1:
        raise InvalidBody("max_output_tokens must be at least 1", "max_output_tokens")
    return Asked(asked.model, asked.stream is True, False)
