"""The codec as the pipeline and boto3 use it."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.family import Family
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest
from tests.support.boto3_answers import answered
from tests.support.invoke_samples import inner_events, sample, sample_stream

CODEC = BedrockInvokeCodec()
CHAT = OpenAIChatCodec()
ANSWER = {
    "id": "1",
    "model": "gpt",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yo"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_requests_come_back(family: str) -> None:
    """Whatever the family, by the model's id."""
    body = sample(f"request_{family}")
    assert CODEC.encode_request(CODEC.decode_request(body, {})).body == body


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("claude", lambda body: body["content"][0]["text"]),
        ("titan", lambda body: body["results"][0]["outputText"]),
        ("llama", lambda body: body["generation"]),
    ],
)
def test_a_chat_model_answers_each_client_in_its_form(family: Family, text: Any) -> None:
    """The codec is made for the family that the request's URL and body show."""
    body = {**sample(f"request_{family}"), "model": "smart"}
    request = CODEC.decode_request(body, {})
    assert CHAT.encode_request(request).body["model"] == "smart"
    encoded = BedrockInvokeCodec(family=family).encode_response(CHAT.decode_response(json.dumps(ANSWER).encode()))
    assert text(encoded.body) == "yo"


def test_forms_that_are_not_known() -> None:
    """A body of nobody's, a model of another vendor's, an embedding model's."""
    with pytest.raises(InvalidBody):
        CODEC.decode_request({"model": "mistral.x", "outputs": 1}, {})
    with pytest.raises(InvalidBody):
        CODEC.decode_request({"model": 5}, {})
    request = ChatRequest(dialect="openai_chat", model="mistral.x", messages=(Message(role="user", content=(TextPart(text="a"),)),))
    with pytest.raises(InvalidBody, match=r"converse") as caught:
        CODEC.encode_request(request)
    assert caught.value.path == "model"


def test_boto3_reads_our_streams() -> None:
    """InvokeModelWithResponseStream of the real SDK, frames cut anywhere."""
    encoder = CODEC.stream_encoder()
    events = CODEC.response_to_events(CHAT.decode_response(json.dumps(ANSWER).encode()))
    body = b"".join(encoder.encode(event) for event in events)
    headers = {"content-type": CODEC.stream_type.decode()}
    answer = answered(200, headers, body).invoke_model_with_response_stream(modelId="anthropic.claude-x", body=b"{}")
    got = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert got == inner_events(body)
    assert [event["type"] for event in got][-1] == "message_stop"


def test_errors_are_those_of_converse() -> None:
    """Both ways."""
    info = CODEC.decode_error(429, b'{"message": "slow"}', {"x-amzn-errortype": "ThrottlingException"})
    assert (info.message, info.type, info.retryable) == ("slow", "ThrottlingException", True)
    assert json.loads(CODEC.encode_error(ErrorInfo(status=400, message="m"))) == {"message": "m", "detail": "m"}


def test_other_parts() -> None:
    """Facts, watcher, and a stream whose last word was said."""
    assert CODEC.facts(json.dumps(sample("answer_titan")).encode()).finished
    assert CODEC.finish_stream(b"", include_usage=True, metadata=b"{}") == b""
    assert CODEC.watcher().feed(sample_stream("llama")) == sample_stream("llama")
    assert CODEC.decode_response(json.dumps(sample("answer_claude")).encode()).id == "msg_bdrk_1"


def test_one_codec_answers_every_family() -> None:
    """Each client in its own form; of a vendor that nobody knows nothing is read or written, and everything passes."""
    assert CODEC.answering("claude") is CODEC
    titan, other = CODEC.answering("titan"), CODEC.answering(None)
    assert "results" in titan.encode_response(CHAT.decode_response(json.dumps(ANSWER).encode())).body
    assert (titan.fits("amazon.titan-text-lite-v1"), titan.fits("anthropic.claude-x")) == (True, False)
    assert other.fits("anthropic.claude-x")
    assert [type(codec.stream_encoder()).__name__ for codec in (titan, other)] == ["TextStreamEncoder", "ClaudeStreamEncoder"]
