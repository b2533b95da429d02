"""The passthrough lane's look at a Converse request. `model` and `stream` are the URL's, put at the top of the body."""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked, convert


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: list[Any]


class _Inference(msgspec.Struct, gc=False):
    maxTokens: int | None = None
    temperature: float | None = None
    topP: float | None = None


class _Converse(msgspec.Struct, gc=False):
    model: str
    stream: bool | None = None
    messages: list[_Turn] | None = None
    inferenceConfig: _Inference | None = None


_STORED_PROMPT = ":prompt/"
"""In the ARN of a prompt that Bedrock keeps: it has messages of its own."""


def check(body: dict[str, Any]) -> Asked:
    """Raises InvalidBody naming the field."""
    asked = convert(body, _Converse)
    if not asked.model:
        raise InvalidBody("model: must not be empty", "model")
    if not asked.messages and _STORED_PROMPT not in asked.model:
        raise InvalidBody("messages: at least one message is required", "messages")
    config = asked.inferenceConfig
    if config is not None:
        if config.maxTokens is not None and config.maxTokens < 1:
            raise InvalidBody("inferenceConfig.maxTokens: must be at least 1", "inferenceConfig.maxTokens")
        for name, value in (("temperature", config.temperature), ("topP", config.topP)):
            if value is not None and not 0 <= value <= 1:
                raise InvalidBody(f"inferenceConfig.{name}: must be between 0 and 1", f"inferenceConfig.{name}")
    return Asked(asked.model, asked.stream is True, False)
