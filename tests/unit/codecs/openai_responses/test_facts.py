"""What the passthrough lane learns of a whole answer."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from tests.support.responses_samples import WHOLE_ANSWERS, sample

CODEC = OpenAIResponsesCodec()


def body(**fields: Any) -> bytes:
    return json.dumps({"id": "r", "model": "m", "status": "completed", "output": [], **fields}).encode()


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
def test_same_as_the_decoder(name: str) -> None:
    """Both lanes bill alike."""
    response, facts = CODEC.decode_response(sample(name)), CODEC.facts(sample(name))
    assert (facts.response_id, facts.model, facts.created, facts.usage) == (response.id, response.model, response.created, response.usage)
    assert (facts.finished, facts.has_metadata) == (True, True)


@pytest.mark.parametrize(
    ("status", "finished"), [("completed", True), ("incomplete", True), (None, True), ("failed", False), ("queued", False)]
)
def test_finished(status: str | None, finished: bool) -> None:
    """A response that failed or waits is one, but no answer."""
    assert CODEC.facts(body(status=status)).finished is finished


def test_calls_and_metadata() -> None:
    """Of functions and custom tools; metadata is the upstream's where the field is there."""
    assert CODEC.facts(body(output=[{"type": "function_call"}])).tool_calls
    assert CODEC.facts(body(output=[{"type": "custom_tool_call"}])).tool_calls
    plain = CODEC.facts(body(output=[{"type": "message"}, {"type": "web_search_call"}]))
    assert (plain.tool_calls, plain.has_metadata, plain.usage, plain.created) == (False, False, None, None)
    assert CODEC.facts(body(metadata=None)).has_metadata


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"<html>", ""),
        (b"\xff", ""),
        (b'{"error": {"message": "no"}}', "error"),
        (b'{"id": "r"}', "output"),
        (body(output=5), "output"),
        (body(output=[{}]), "output[0].type"),
        (body(id=5), "id"),
        (body(status=5), "status"),
        (body(created_at="x"), "created_at"),
    ],
)
def test_no_response(raw: bytes, path: str) -> None:
    """Named by what is wrong."""
    with pytest.raises(InvalidBody) as caught:
        CODEC.facts(raw)
    assert caught.value.path == path
