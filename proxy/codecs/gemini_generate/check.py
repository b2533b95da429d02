"""The passthrough lane's look at a request: what every provider would refuse, in about a microsecond (see proxy/codecs/check.py)."""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.check import Asked, convert
from proxy.codecs.gemini_generate import fields


class _Config(msgspec.Struct, gc=False, rename="camel"):
    temperature: float | None = None
    candidate_count: int | float | str | None = None
    max_output_tokens: int | float | str | None = None


class _Request(msgspec.Struct, gc=False, rename="camel"):
    model: str
    stream: bool | None = None
    generation_config: _Config | None = None


def check(body: dict[str, Any]) -> Asked:
    """`model` and `stream` are those of the URL. Raises InvalidBody naming the field."""
    if not body.get("model"):
        raise InvalidBody("model is required", "model")
    contents = body.get("contents")
    if not contents or not isinstance(contents, list | dict):
        raise InvalidBody("contents must be a list of at least one content", "contents")
    asked = convert(body, _Request)
    config = asked.generation_config
    if config is not None:
        if config.temperature is not None and not 0 <= config.temperature <= 2:
            raise InvalidBody("temperature must be between 0 and 2", "generationConfig.temperature")
        for name, value in (("candidateCount", config.candidate_count), ("maxOutputTokens", config.max_output_tokens)):
            if value is not None and ((number := fields.integer(value)) is None or number < 1):
                raise InvalidBody(f"{name} must be an integer of at least 1", f"generationConfig.{name}")
    return Asked(asked.model.removeprefix("models/"), asked.stream is True, False)
