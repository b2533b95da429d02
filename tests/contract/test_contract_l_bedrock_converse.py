"""Contract L, translation, for the codec `bedrock_converse` (sans-IO), read by boto3 itself."""

import json
from typing import Any

import pytest

from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from tests.support.boto3_answers import MESSAGES, answered, streamed
from tests.support.converse_samples import decode_all, wire, wire_stream

CODEC = BedrockConverseCodec()


def test_boto3_reads_an_encoded_answer() -> None:
    """As the original."""
    encoded = json.dumps(CODEC.encode_response(CODEC.decode_response(wire("answer_tools.json"))).body).encode()
    got = answered(200, {"content-type": "application/json"}, encoded).converse(modelId="m", messages=MESSAGES)
    want = answered(200, {"content-type": "application/json"}, wire("answer_tools.json")).converse(modelId="m", messages=MESSAGES)
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
