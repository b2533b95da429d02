"""Whole completions."""

import json
from pathlib import Path

import pytest
from openai.types import Completion

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions.response import decode_response, encode_reason, encode_response
from proxy.core.messages import RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage

WIRE = Path(__file__).parents[3] / "wire/openai_completions"


def test_the_sample_comes_back() -> None:
    """Every field; the SDK takes it strictly."""
    body = (WIRE / "completion.json").read_bytes()
    encoded = encode_response(decode_response(body), 0)
    expected = json.loads(body)
    assert encoded.body["choices"] == expected["choices"]
    assert {key: encoded.body["usage"][key] for key in expected["usage"]} == expected["usage"]
    assert {**encoded.body, "usage": None, "choices": None} == {**expected, "usage": None, "choices": None}
    assert encoded.dropped == ()
    Completion.model_validate_json(json.dumps(encoded.body), strict=True)


def test_a_chat_answer() -> None:
    """Text and refusal are the text; thinking and calls are reported; an id and a time are made up where there are none."""
    content = (ThinkingPart(text="hm"), TextPart(text="a"), RefusalPart(text="b"), ToolUsePart(id="1", name="f", arguments="{}"))
    response = ChatResponse(
        id="",
        model="m",
        choices=(Choice(content=content, finish="tool_calls", stop_sequence="x"),),
        usage=Usage(input_tokens=1, output_tokens=2),
        service_tier="standard",
        extra={"container": {}, "system_fingerprint": "f"},
    )
    encoded = encode_response(response, 7)
    assert encoded.body["choices"] == [{"index": 0, "text": "ab", "logprobs": None, "finish_reason": "stop"}]
    assert encoded.body["id"].startswith("cmpl-")
    assert (encoded.body["created"], encoded.body["system_fingerprint"], encoded.body["service_tier"]) == (7, "f", "default")
    assert encoded.dropped == ("choices[0].content[0]", "choices[0].content[3]", "stop_sequence", "container")
    Completion.model_validate_json(json.dumps(encoded.body), strict=True)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("context_length", "length"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
        ("tool_calls", "stop"),
        ("other", "stop"),
    ],
)
def test_reasons(finish: FinishReason, reason: str) -> None:
    """The three of this API."""
    assert encode_reason(finish) == reason


def test_citations_are_reported() -> None:
    """The text they belong to is not lost with them."""
    content = (TextPart(text="a", citations=({"url": "x"},), citations_dialect="d"),)
    encoded = encode_response(ChatResponse(id="1", model="m", choices=(Choice(content=content),)), 0)
    assert encoded.body["choices"][0]["text"] == "a"
    assert encoded.dropped == ("choices[0].content[0].citations",)


def test_stop_reason_of_vllm() -> None:
    """The sequence that ended it."""
    response = decode_response(b'{"choices": [{"text": "a", "finish_reason": "stop", "stop_reason": "END"}]}')
    assert (response.choices[0].finish, response.choices[0].stop_sequence) == ("stop_sequence", "END")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"<html>", ""),
        (b'{"error": {"message": "no"}}', "error"),
        (b"{}", "choices"),
        (b'{"choices": []}', "choices"),
        (b'{"choices": [{"finish_reason": "stop"}]}', "choices[0].text"),
        (b'{"choices": [{"text": "a"}]}', "choices[0].finish_reason"),
        (b'{"choices": [{"text": "a", "finish_reason": "stop", "logprobs": 5}]}', "choices[0].logprobs"),
        (b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": 5}', "usage"),
    ],
)
def test_broken_answers_are_named(body: bytes, path: str) -> None:
    """With the JSON path of the culprit."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(body)
    assert caught.value.path == path
