"""The codec as a whole, read by boto3 itself."""

import json
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from proxy.codecs.bedrock_converse import BedrockConverseCodec, error_type
from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd
from tests.support.converse_samples import CLAUDE, decode_all, request_of, user, wire, wire_stream

CODEC = BedrockConverseCodec()
MESSAGES = [{"role": "user", "content": [{"text": "u"}]}]


class _Raw:
    """What botocore wants of a response's body."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, amt: int = 0, decode_content: bool = False) -> Any:
        for start in range(0, len(self._body), 7):
            yield self._body[start : start + 7]

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        body, self._body = self._body, b""
        return body

    def close(self) -> None: ...


def client(status: int, headers: dict[str, str], body: bytes) -> Any:
    """A boto3 client whose every request is answered so, without a socket."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    made = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", config=config)
    made.meta.events.register("before-send.bedrock-runtime", lambda request, **_: AWSResponse(request.url, status, headers, _Raw(body)))
    return made


def streamed(body: bytes) -> list[Any]:
    answer = client(200, {"content-type": CODEC.stream_type.decode()}, body).converse_stream(modelId="m", messages=MESSAGES)
    return list(answer["stream"])


def test_boto3_reads_an_encoded_answer() -> None:
    """As the original."""
    encoded = json.dumps(CODEC.encode_response(CODEC.decode_response(wire("answer_tools.json"))).body).encode()
    got = client(200, {"content-type": "application/json"}, encoded).converse(modelId="m", messages=MESSAGES)
    want = client(200, {"content-type": "application/json"}, wire("answer_tools.json")).converse(modelId="m", messages=MESSAGES)
    assert got["output"] == want["output"]
    assert (got["stopReason"], got["usage"]["totalTokens"], got["trace"]) == (want["stopReason"], 150, want["trace"])


@pytest.mark.parametrize("name", ["stream_text.json", "stream_tools.json"])
def test_boto3_reads_an_encoded_stream(name: str) -> None:
    """Every event is of the service's shape."""
    encoder = CODEC.stream_encoder()
    body = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), wire_stream(name)))
    events = streamed(body)
    assert [next(iter(event)) for event in events][-2:] == ["messageStop", "metadata"]
    assert not any("SDK_UNKNOWN_MEMBER" in event for event in events)


def test_boto3_reads_openai_s_parallel_calls_apart() -> None:
    """Translated from interleaved chunks: ids, arguments that parse, the right stop reason and usage."""
    chunks: list[dict[str, Any]] = [{"delta": {"content": "Two calls."}}]
    for index, piece in ((0, ""), (1, ""), (0, '{"a": 1}'), (1, '{"b"'), (1, ": 2}")):
        call = {
            "index": index,
            "function": {"arguments": piece, **({} if piece else {"name": "f"})},
            **({} if piece else {"id": f"call_{index}"}),
        }
        chunks.append({"delta": {"tool_calls": [call]}})
    chunks.append({"delta": {}, "finish_reason": "tool_calls"})
    usage = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 4}}
    bodies = [{"id": "c", "created": 1, "model": "gpt", "choices": [{"index": 0, **chunk}]} for chunk in chunks]
    bodies.append({"id": "c", "created": 1, "model": "gpt", "choices": [], "usage": usage})
    sse = b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies) + b"data: [DONE]\n\n"
    encoder = CODEC.stream_encoder()
    events = streamed(b"".join(encoder.encode(event) for event in decode_all(OpenAIChatCodec().stream_decoder(), sse)))
    inputs: dict[int, str] = {}
    for event in events:
        delta = event.get("contentBlockDelta", {})
        if "toolUse" in delta.get("delta", {}):
            inputs[delta["contentBlockIndex"]] = inputs.get(delta["contentBlockIndex"], "") + delta["delta"]["toolUse"]["input"]
    starts = [event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event]
    assert starts == [{"toolUseId": "call_0", "name": "f"}, {"toolUseId": "call_1", "name": "f"}]
    assert {index: json.loads(text) for index, text in inputs.items()} == {1: {"a": 1}, 2: {"b": 2}}
    assert events[-2]["messageStop"] == {"stopReason": "tool_use"}
    assert events[-1]["metadata"]["usage"]["inputTokens"] == 6
    assert events[-1]["metadata"]["usage"]["cacheReadInputTokens"] == 4


def test_boto3_raises_the_encoded_error() -> None:
    """By its type, with the message."""
    error = ErrorInfo(status=429, message="slow down")
    answer = client(429, {"content-type": "application/json", "x-amzn-ErrorType": error_type(error)}, CODEC.encode_error(error))
    with pytest.raises(answer.exceptions.ThrottlingException, match="slow down"):
        answer.converse(modelId="m", messages=MESSAGES)
    quota = ErrorInfo(status=402, message="no money")
    answer = client(402, {"content-type": "application/json", "x-amzn-ErrorType": error_type(quota)}, CODEC.encode_error(quota))
    with pytest.raises(ClientError) as caught:
        answer.converse(modelId="m", messages=MESSAGES)
    assert caught.value.response["Error"] == {"Message": "no money", "Code": "ServiceQuotaExceededException"}


@pytest.mark.parametrize("status", [400, 429, 500, 502, 503])
def test_boto3_raises_the_in_band_error(status: int) -> None:
    """Contract B: a broken stream is no short answer."""
    begin = wire_stream("stream_error.json")
    with pytest.raises(EventStreamError, match="the stream ended early"):
        streamed(begin + CODEC.stream_encoder().fail(ErrorInfo(status=status, message="the stream ended early")))


def test_a_truncated_stream_ends_with_an_error_and_no_stop() -> None:
    """Cut after any frame before messageStop, for clients of this dialect and of OpenAI's."""
    truncated = ErrorInfo(status=502, message="the stream ended early", code="stream_truncated", blame="provider")
    stream = wire_stream("stream_text.json")
    for client_codec in (CODEC, OpenAIChatCodec()):
        for length in range(0, stream.index(b"messageStop"), 31):
            decoder, encoder = CODEC.stream_decoder(), client_codec.stream_encoder()
            upstream = decode_all(decoder, stream[:length])
            assert StreamEnd() not in upstream
            out = b"".join(encoder.encode(event) for event in upstream) + encoder.fail(truncated)
            assert b"the stream ended early" in out
            assert b"messageStop" not in out
            assert b'"finish_reason":"' not in out


def test_settings_of_the_codec() -> None:
    """Its name, the type of its streams, the output share beside a thinking budget; nothing follows a stream."""
    assert (CODEC.name, CODEC.stream_type) == (DIALECT, b"application/vnd.amazon.eventstream")
    assert CODEC.finish_stream(b"x", include_usage=True, metadata=b"{}") == b""
    request = OpenAIChatCodec().decode_request(
        {"model": CLAUDE, "messages": [{"role": "user", "content": "u"}], "reasoning_effort": "low"}, {}
    )
    assert BedrockConverseCodec(default_max_tokens=10).encode_request(request).body["inferenceConfig"] == {"maxTokens": 2058}
    whole = CODEC.decode_response(wire("answer_text.json"))
    assert CODEC.response_to_events(whole)[-1] == StreamEnd()
    assert CODEC.facts(wire("answer_text.json")).usage == whole.usage
    assert CODEC.decode_error(429, wire("error.json"), {}).retryable
    assert CODEC.watcher().keep_alive() == b""
    assert CODEC.decode_request(request_of(user("u")), {}).dialect == DIALECT
