"""A client's body as a whole."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.request import decode_request
from proxy.core.messages import DocumentPart, ImagePart, OpaquePart, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import Reasoning, ToolChoice
from tests.support.gemini_samples import sample_json

ASK: dict[str, Any] = {"model": "gemini-x", "contents": [{"parts": [{"text": "hi"}]}]}


def test_every_field_of_the_sample() -> None:
    """Has its canonical place, or is kept under its path."""
    request = decode_request(sample_json("request_full.json"))
    assert (request.dialect, request.model, request.stream, request.n) == ("gemini_generate", "gemini-3-flash", False, 1)
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    kinds = [[type(part) for part in message.content] for message in request.messages]
    assert kinds == [
        [TextPart],
        [TextPart, ImagePart, DocumentPart, OpaquePart],
        [ThinkingPart, ThinkingPart, ToolUsePart, ToolUsePart],
        [ToolResultPart, ToolResultPart],
        [OpaquePart, OpaquePart],
        [TextPart],
    ]
    assert [tool.name for tool in request.tools] == ["look", "sum", "googleSearch", "codeExecution"]
    assert request.tool_choice == ToolChoice(mode="allowed", names=("look", "sum"), allowed_mode="required")
    assert request.reasoning == Reasoning(effort="low")
    assert (request.temperature, request.top_p, request.top_k, request.max_tokens, request.stop) == (0.5, 0.9, 40, 200, ("END",))
    assert (request.seed, request.presence_penalty, request.frequency_penalty) == (7, 0.1, 0.2)
    assert (request.logprobs, request.top_logprobs) == (True, 2)
    assert request.response_format is not None
    assert request.response_format.schema == {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert set(request.extra) == {"safetySettings", "cachedContent", "labels", "generationConfig.speechConfig"}


def test_model_and_stream_come_from_the_url() -> None:
    """With or without the collection's name."""
    request = decode_request({**ASK, "model": "models/gemini-x", "stream": True})
    assert (request.model, request.stream) == ("gemini-x", True)


@pytest.mark.parametrize(("tier", "expected"), [("standard", "default"), ("FLEX", "flex"), ("unspecified", "auto")])
def test_service_tiers_in_openais_words(tier: str, expected: str) -> None:
    """Whatever the case."""
    assert decode_request({**ASK, "serviceTier": tier}).service_tier == expected


def test_the_body_is_not_changed() -> None:
    """The passthrough lane sends the same object."""
    body = sample_json("request_full.json")
    before = json.dumps(body)
    decode_request(body)
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("change", "path"),
    [({"model": ""}, "model"), ({"model": None}, "model"), ({"stream": "yes"}, "stream"), ({"serviceTier": 1}, "serviceTier")],
)
def test_broken_bodies_are_refused(change: dict[str, Any], path: str) -> None:
    """With the path."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({**ASK, **change})
    assert caught.value.path == path
