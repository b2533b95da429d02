"""Answers that once broke a codec otherwise than by InvalidBody, or got through it broken: each is refused with its place, or read as far
as it makes sense."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.core.events import BlockStart, CitationDelta, LogprobsDelta, StreamEvent, StreamStart, UsageUpdate
from proxy.core.response import Usage
from tests.support.doors import whole_answer
from tests.support.fuzz_targets import CODECS

BEYOND = 2**70


def refused(dialect: str, body: Any) -> str:
    with pytest.raises(InvalidBody) as caught:
        CODECS[dialect].decode_response(json.dumps(body).encode())
    return caught.value.path


def test_annotations_that_are_no_objects() -> None:
    """Of chat and of Responses."""
    chat = json.loads(whole_answer("chat"))
    chat["choices"][0]["message"]["annotations"] = [{}, []]
    assert refused("openai_chat", chat) == "choices[0].message.annotations[1]"
    response = json.loads(whole_answer("responses"))
    message = next(item for item in response["output"] if item["type"] == "message")
    message["content"][0]["annotations"] = [5]
    assert refused("openai_responses", response).endswith(".annotations[0]")


@pytest.mark.parametrize("logprobs", [5, "x", [5], [{}], [{"token": 5}], [{"token": "a", "top_logprobs": [5, {}]}]])
def test_log_probabilities_of_no_token(logprobs: Any) -> None:
    """Never reach a client whose dialect has arrays of tokens."""
    response = json.loads(whole_answer("responses"))
    message = next(item for item in response["output"] if item["type"] == "message")
    message["content"][0]["logprobs"] = logprobs
    decoded = CODECS["openai_responses"].decode_response(json.dumps(response).encode())
    for codec in CODECS.values():
        codec.encode_response(decoded)


def test_usage_details_of_another_dialect() -> None:
    """Under the same name, in another form."""
    message = json.loads(whole_answer("messages"))
    message["usage"]["output_tokens_details"] = [1]
    decoded = CODECS["anthropic_messages"].decode_response(json.dumps(message).encode())
    usage = CODECS["openai_responses"].encode_response(decoded).body["usage"]
    assert usage["output_tokens_details"]["reasoning_tokens"] == 0


def test_an_errors_details_without_a_type() -> None:
    """Google's names the kind of a detail by a string."""
    body = {"error": {"code": 400, "message": "m", "details": [{"@type": []}, {"@type": {}}, {}]}}
    assert CODECS["gemini_generate"].decode_error(400, json.dumps(body).encode(), {}).details == ()


@pytest.mark.parametrize("event", [{"output_index": []}, {"output_index": {}}, {"delta": "x", "logprobs": 5}])
def test_a_responses_event_of_wrong_types(event: dict[str, Any]) -> None:
    """By its field."""
    kind = "response.output_text.delta" if "delta" in event else "response.novel.event"
    body = json.dumps({"type": kind, "item_id": "m", "content_index": 0, "output_index": 0, **event}).encode()
    with pytest.raises(InvalidBody) as caught:
        CODECS["openai_responses"].stream_decoder().feed(b"data: " + body + b"\n\n")
    assert caught.value.path in event


EVENTS: tuple[StreamEvent, ...] = (
    StreamStart(id="i", model="m", created=BEYOND),
    UsageUpdate(usage=Usage(input_tokens=BEYOND)),
    LogprobsDelta(choice=BEYOND, logprobs={"content": [{"token": "a", "logprob": BEYOND}]}),
    CitationDelta(block=0, citation={"url": BEYOND}, dialect="x"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("dialect", list(CODECS))
def test_numbers_that_cannot_be_written(dialect: str, event: StreamEvent) -> None:
    """An encoder says so, or leaves them out."""
    encoder = CODECS[dialect].stream_encoder()
    says = "64 bits"
    try:
        for shown in (StreamStart(id="i", model="m", created=1), BlockStart(block=0, kind="text"), event):
            encoder.encode(shown)
    except InvalidBody as exc:
        says = exc.message
    assert "64 bits" in says
