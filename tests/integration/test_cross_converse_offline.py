"""Recorded exchanges through the codecs alone, without HTTP: Converse clients at OpenAI and Anthropic upstreams, and the reverse.

As test_cross_openai_anthropic_offline.py, whose neutral forms and matcher it uses.
"""

import base64
import json
from types import ModuleType
from typing import Any

import pytest

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.events import StreamEnd
from tests.integration import test_cross_openai_anthropic_offline as other
from tests.support.converse_samples import decode_all

CODECS: dict[str, Codec] = {
    "openai_chat": OpenAIChatCodec(),
    "anthropic_messages": AnthropicMessagesCodec(),
    "bedrock": BedrockConverseCodec(),
}
FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
}

matching = other.matching
pytestmark = pytest.mark.skipif(
    not other.RECORDED.is_dir(), reason="the recorded exchanges are not here (LLM_EDGE_SHARED names their folder)"
)


def _cases() -> list[dict[str, Any]]:
    if not other.RECORDED.is_dir():
        return []
    cases = json.loads((other.RECORDED / "cross_cases.json").read_bytes())
    return [case for case in cases if "bedrock" in (case["client"], case["upstream"]) and {case["client"], case["upstream"]} <= set(CODECS)]


def _asked(case: dict[str, Any]) -> dict[str, Any]:
    body = dict(case["request"]["body"])
    return {**body, "model": case["model"], "stream": case["stream"]} if case["client"] == "bedrock" else body


def _answer(exchange: dict[str, Any]) -> bytes:
    answer = exchange["response"]
    return base64.b64decode(answer["body_base64"]) if "body_base64" in answer else answer["body_text"].encode()


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_request_means_what_was_recorded(case: dict[str, Any], matching: ModuleType) -> None:
    """The client's request, in the upstream's dialect, is the recorded one by meaning, and nothing in it had to be dropped."""
    encoded = CODECS[case["upstream"]].encode_request(CODECS[case["client"]].decode_request(_asked(case), {}))
    assert matching.sem_diff(other._exchange(case["upstream_id"]), encoded.body) == []
    assert encoded.dropped == ()


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_answer_says_what_was_recorded(case: dict[str, Any]) -> None:
    """The recorded answer, in the client's dialect: same status, text, calls, finish, usage or error message."""
    exchange = other._exchange(case["upstream_id"])
    recorded, expect = exchange["response"], case["expect"]
    client, upstream = CODECS[case["client"]], CODECS[case["upstream"]]
    body = _answer(exchange)
    if recorded["status"] != 200:
        error = upstream.decode_error(recorded["status"], body, recorded["headers"])
        shown = json.loads(client.encode_error(error))
        assert error.status == expect["status"]
        assert (shown if case["client"] == "bedrock" else shown["error"])["message"] == expect["error_message"]
        return
    if case["stream"]:
        encoder = client.stream_encoder(client.decode_request(_asked(case), {}))
        events = decode_all(upstream.stream_decoder(), body)
        assert events[-1] == StreamEnd()
        out = b"".join(encoder.encode(event) for event in events)
        out += client.finish_stream(encoder.usage_chunk, include_usage=True, metadata=None)
        got = _folded(client, out) if case["client"] == "bedrock" else other._neutral_stream(case["client"], out)
    else:
        got = _neutral(case["client"], client.encode_response(upstream.decode_response(body)).body)
    assert got["text"] == expect["text"]
    assert got["calls"] == expect["calls"]
    # a call that a forced tool made ends with "stop" at OpenAI; the other dialects' clients must see the call
    assert got["finish"] == ("tool_calls" if case["client"] != "openai_chat" and expect["calls"] else expect["finish"])
    assert expect["usage"] is None or got["usage"] == expect["usage"]


def _neutral(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    if dialect != "bedrock":
        return other._neutral(dialect, body)
    content = body["output"]["message"]["content"]
    calls = [block["toolUse"] for block in content if "toolUse" in block]
    usage = body["usage"]
    cached = usage.get("cacheReadInputTokens", 0)
    return {
        "text": "".join(block["text"] for block in content if "text" in block),
        "calls": [{"id": call["toolUseId"], "name": call["name"], "args": call["input"]} for call in calls],
        "finish": FINISHES[body["stopReason"]],
        "usage": {
            "in": usage["inputTokens"] + cached + usage.get("cacheWriteInputTokens", 0),
            "out": usage["outputTokens"],
            "cached": cached,
        },
    }


def _folded(client: Codec, stream: bytes) -> dict[str, Any]:
    """The stream as the whole answer that it stands for."""
    accumulator = Accumulator()
    for event in decode_all(client.stream_decoder(), stream):
        accumulator.add(event)
    assert accumulator.complete
    return _neutral("bedrock", client.encode_response(accumulator.response()).body)
