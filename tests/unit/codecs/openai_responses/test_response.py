"""Whole answers, both ways."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.openai_responses.errors import FailedAnswer
from proxy.codecs.openai_responses.response import take_logprobs
from proxy.core.messages import OpaquePart, RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice, Usage
from tests.support.responses_samples import WHOLE_ANSWERS, sample, sample_json

CODEC = OpenAIResponsesCodec(now=lambda: 77.9)


def body(**fields: Any) -> bytes:
    return json.dumps({"id": "r", "model": "m", "status": "completed", "output": [], **fields}).encode()


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
def test_comes_back(name: str) -> None:
    """Every field that is not null; the SDK takes it strictly."""
    encoded = CODEC.encode_response(CODEC.decode_response(sample(name)))
    Response.model_validate_json(json.dumps(encoded.body), strict=True)
    expected = {key: value for key, value in sample_json(name).items() if value is not None}
    assert {key: encoded.body.get(key) for key in expected} == expected
    assert encoded.dropped == ()


def test_parts() -> None:
    """In the order of the items."""
    response = CODEC.decode_response(sample("response_full.json"))
    (choice,) = response.choices
    assert [type(part) for part in choice.content] == [
        ThinkingPart,
        OpaquePart,
        OpaquePart,
        TextPart,
        RefusalPart,
        ToolUsePart,
        ToolUsePart,
        OpaquePart,
    ]
    assert (choice.finish, response.created, response.service_tier) == ("tool_calls", 1795380000, "default")
    assert choice.logprobs is not None
    assert [entry["token"] for entry in choice.logprobs["content"]] == ["Yes", "!"]


def test_cut_off() -> None:
    """By the token limit."""
    response = CODEC.decode_response(sample("response_incomplete.json"))
    assert response.choices[0].finish == "length"


def test_unknown_reason_comes_back() -> None:
    """The finish reason alone could not say it."""
    encoded = CODEC.encode_response(CODEC.decode_response(body(status="incomplete", incomplete_details={"reason": "steered"})))
    assert (encoded.body["status"], encoded.body["incomplete_details"]) == ("incomplete", {"reason": "steered"})


def test_failed_is_no_answer() -> None:
    """But says why."""
    with pytest.raises(FailedAnswer, match="failed to generate") as caught:
        CODEC.decode_response(sample("response_failed.json"))
    assert (caught.value.error.code, caught.value.error.retryable) == ("server_error", True)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (body(status="queued"), "status"),
        (body(status="cancelled"), "status"),
        (b'{"error": {"message": "no"}}', "error"),
        (b'{"error": "no"}', "error"),
        (b'{"id": "r"}', "output"),
        (body(output={}), "output"),
        (body(output=[5]), "output[0]"),
        (body(id=5), "id"),
        (body(created_at="now"), "created_at"),
        (body(usage=[]), "usage"),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_no_answer(raw: bytes, path: str) -> None:
    """Named by what is wrong."""
    with pytest.raises(InvalidBody) as caught:
        CODEC.decode_response(raw)
    assert caught.value.path == path


def test_servers_that_say_less() -> None:
    """No status, no time, no usage, fractions of a second."""
    response = CODEC.decode_response(b'{"output": [], "created_at": 5.75}')
    assert (response.id, response.model, response.usage, response.created, response.choices[0].finish) == ("", "", None, 5, "stop")
    assert CODEC.decode_response(body(status="complete")).choices[0].finish == "stop"


def test_another_dialect_s_answer() -> None:
    """The SDK takes it; what is lost is reported."""
    choice = Choice(
        content=(ThinkingPart(text="t", signature="s"), TextPart(text="a"), ToolUsePart(id="c", name="f", arguments="{}")),
        finish="tool_calls",
    )
    extra = {"container": {"id": "c"}, "empty": {}}
    response = ChatResponse(id="", model="claude", choices=(choice, Choice(index=1)), usage=Usage(input_tokens=3), extra=extra)
    encoded = CODEC.encode_response(response)
    parsed = Response.model_validate_json(json.dumps(encoded.body), strict=True)
    assert parsed.id.startswith("resp_")
    assert (parsed.created_at, parsed.status, parsed.output_text) == (77, "completed", "a")
    assert encoded.body["store"] is False
    assert encoded.dropped == ("choices[1]", "container")


def test_stop_sequence_has_no_place() -> None:
    """The answer is complete all the same."""
    encoded = CODEC.encode_response(ChatResponse(id="x", model="m", choices=(Choice(finish="stop_sequence", stop_sequence="END"),)))
    assert (encoded.body["status"], encoded.dropped) == ("completed", ("stop_sequence",))
    assert CODEC.encode_response(ChatResponse(id="x", model="m", choices=())).body["output"] == []


def test_a_foreign_tier() -> None:
    """Only this API's words: the SDK takes no others. Its own comes back, known or not."""
    assert CODEC.encode_response(ChatResponse(id="x", model="m", choices=(), service_tier="standard")).body["service_tier"] == "default"
    assert "service_tier" not in CODEC.encode_response(ChatResponse(id="x", model="m", choices=(), service_tier="batch")).body
    own = CODEC.decode_response(body(service_tier="ultrafast", store=True))
    assert CODEC.encode_response(own).body["service_tier"] == "ultrafast"


def test_logprobs_go_to_their_texts() -> None:
    """By length; the last text has the rest."""
    tokens: list[Any] = [{"token": "ab"}, {"token": "c"}, {"token": "d"}, "odd"]
    assert take_logprobs(tokens, 3) == [{"token": "ab"}, {"token": "c"}]
    assert take_logprobs(tokens, None) == [{"token": "d"}, "odd"]
    assert tokens == []
