"""What the passthrough lane learns of a whole answer."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.response import Usage
from tests.support.openai_samples import sample

CODEC = OpenAIChatCodec()


def body(**fields: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    return json.dumps({"id": "r", "model": "m", "created": 5, "choices": [choice], **fields}).encode()


def test_plain_answer() -> None:
    """Id, model, time, usage; finished, without calls or metadata."""
    facts = CODEC.facts(sample("completion_text.json"))
    assert (facts.response_id, facts.model, facts.created) == ("chatcmpl-9Tb1", "gpt-4o-mini-2024-07-18", 1795380000)
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.cache_read_tokens, facts.usage.output_tokens) == (5, 16, 9)
    assert (facts.finished, facts.tool_calls, facts.has_metadata) == (True, False, False)


def test_same_usage_as_the_decoder() -> None:
    """Both lanes bill alike."""
    for name in ("completion_text.json", "completion_full.json"):
        assert CODEC.facts(sample(name)).usage == CODEC.decode_response(sample(name)).usage
    assert CODEC.facts(body(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})).usage == Usage(
        input_tokens=1, output_tokens=2
    )


@pytest.mark.parametrize("metadata", [{}, {"a": "b"}, None])
def test_metadata_of_its_own(metadata: Any) -> None:
    """The key alone counts: a second one must not be written beside it."""
    assert CODEC.facts(body(metadata=metadata)).has_metadata


@pytest.mark.parametrize("message", [{"tool_calls": [{"id": "c"}]}, {"function_call": {"name": "f"}}])
def test_tool_calls(message: Any) -> None:
    """Of either kind."""
    assert CODEC.facts(body(choices=[{"message": message, "finish_reason": "stop"}])).tool_calls


@pytest.mark.parametrize(
    "choices", [[], [{"message": {}}], [{"message": {}, "finish_reason": "stop"}, {"message": {}, "finish_reason": None}]]
)
def test_unfinished(choices: Any) -> None:
    """Every choice must have its finish_reason."""
    assert not CODEC.facts(body(choices=choices)).finished


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        (b"<html><body>Bad gateway</body></html>", "", "Invalid JSON"),
        (b"", "", "empty"),
        (b"\xff", "", "not UTF-8"),
        (b"[1]", "", "must be a JSON object"),
        (b'{"error":{"message":"boom"}}', "error", "error object: boom"),
        (b'{"id":"x"}', "choices", "is required"),
        (body(choices=None), "choices", "is required"),
        (body(choices="x"), "choices", "must be an array"),
        (body(choices=["x"]), "choices[0]", "must be an object"),
        (body(choices=[{}]), "choices[0].message", "is required"),
        (body(choices=[{"message": {}, "finish_reason": 5}]), "choices[0].finish_reason", "must be a string"),
        (body(choices=[{"message": {"tool_calls": {}}}]), "choices[0].message.tool_calls", "must be an array"),
        (body(choices=[{"message": {"function_call": []}}]), "choices[0].message.function_call", "must be an object"),
        (body(id=1), "id", "must be a string"),
        (body(model=[]), "model", "must be a string"),
        (body(created="now"), "created", "must be an integer"),
        (body(usage=5), "usage", "must be an object"),
        (body(choices=[{"index": 0, "message": {"function_call": {"name": "f"}}}], created=5.5), "created", "must be an integer"),
    ],
)
def test_bodies_that_are_no_answers(given: bytes, path: str, message: str) -> None:
    """They are refused with the place."""
    with pytest.raises(InvalidBody, match=message) as info:
        CODEC.facts(given)
    assert info.value.path == path
