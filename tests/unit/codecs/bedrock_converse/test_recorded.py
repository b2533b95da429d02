"""The codec over recorded exchanges with Bedrock, where the machine has them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.bedrock_converse import BedrockConverseCodec, error_type
from proxy.codecs.bedrock_converse.check import check
from proxy.core.response import ChatResponse
from tests.support.converse_samples import assert_valid, decode_all, events_of
from tests.support.shared_corpus import corpus, without_nulls

CODEC = BedrockConverseCodec()


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    return corpus("bedrock_converse") + corpus("bedrock_converse_stream")


def asked(exchange: dict[str, Any]) -> dict[str, Any]:
    """The body as the API layer gives it to the codec."""
    return {**exchange["request"]["body"], "model": exchange["model"], "stream": exchange["stream"]}


def answers(exchanges: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for exchange in exchanges:
        if not exchange["stream"] and exchange["response"]["status"] == 200:
            yield exchange["id"], exchange["response"]["body_text"].encode()


def streams(exchanges: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for exchange in exchanges:
        if exchange["stream"] and exchange["response"]["status"] == 200:
            yield exchange["id"], base64.b64decode(exchange["response"]["body_base64"])


def folded(stream: bytes) -> ChatResponse:
    accumulator = Accumulator()
    for event in decode_all(CODEC.stream_decoder(), stream):
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def test_requests_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: equal as JSON but for nulls, and nothing reported; the check lets them pass."""
    for exchange in exchanges:
        body = asked(exchange)
        encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
        assert without_nulls(encoded.body) == without_nulls(body), exchange["id"]
        assert encoded.dropped == (), exchange["id"]
        assert check(body).model == exchange["model"]


def test_answers_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: every field but for a call's plain `type` and cache counts of 0; texts of one citations block are joined."""
    for name, body in answers(exchanges):
        response = CODEC.decode_response(body)
        encoded = CODEC.encode_response(response)
        expected = json.loads(body)
        assert encoded.dropped == (), name
        for block in expected["output"]["message"]["content"]:
            if block.get("toolUse", {}).get("type") == "tool_use":
                del block["toolUse"]["type"]
            cited = block.get("citationsContent", {})
            if "content" in cited:
                cited["content"] = [{"text": "".join(item["text"] for item in cited["content"])}]
        for count in ("cacheReadInputTokens", "cacheWriteInputTokens"):
            expected["usage"].setdefault(count, 0)
        assert encoded.body == expected, name
        assert CODEC.decode_response(json.dumps(encoded.body).encode()) == response, name


def test_facts_agree_with_the_decoder(exchanges: list[dict[str, Any]]) -> None:
    """Both lanes learn the same."""
    for name, body in answers(exchanges):
        response, facts = CODEC.decode_response(body), CODEC.facts(body)
        assert (facts.usage, facts.finished) == (response.usage, True), name
        assert facts.tool_calls == any(type(part).__name__ == "ToolUsePart" for part in response.choices[0].content), name


def test_streams_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded, encoded and decoded again: the same answer; the same events but for AWS's padding."""
    for name, body in streams(exchanges):
        encoder = CODEC.stream_encoder()
        out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), body))
        assert encoder.dropped == [], name
        assert folded(out) == folded(body), name
        assert [kind for kind, _ in events_of(out)] == [kind for kind, _ in _fused(events_of(body))], name


def _fused(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Without deltas that say nothing, and with a server call's input and redacted reasoning in one piece."""
    out: list[tuple[str, dict[str, Any]]] = []
    server = False
    for kind, payload in events:
        delta = payload.get("delta", {})
        if kind == "contentBlockStart":
            server = payload["start"].get("toolUse", {}).get("type") not in (None, "tool_use")
        if kind == "contentBlockDelta" and (
            delta == {"text": ""} or delta == {"toolUse": {"input": ""}} or (server and out[-1][0] == "contentBlockDelta")
        ):
            continue
        out.append((kind, payload))
    return out


def test_watcher_forwards_every_frame(exchanges: list[dict[str, Any]]) -> None:
    """Byte for byte, in pieces as well as at once, and it sees what the decoder sees."""
    for name, body in streams(exchanges):
        watcher, slow = CODEC.watcher(), CODEC.watcher()
        assert watcher.feed(body) + watcher.close() == body, name
        assert b"".join(slow.feed(body[i : i + 97]) for i in range(0, len(body), 97)) == body, name
        assert (watcher.complete, watcher.ended, watcher.content, watcher.error) == (True, True, True, None), name
        answer = folded(body)
        assert watcher.usage == slow.usage == answer.usage, name
        assert watcher.tool_calls == any(type(part).__name__ == "ToolUsePart" for part in answer.choices[0].content), name


def test_errors_are_read(exchanges: list[dict[str, Any]]) -> None:
    """With the provider's words and type, which come back as they were."""
    for exchange in exchanges:
        answer = exchange["response"]
        if answer["status"] < 400:
            continue
        info = CODEC.decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
        message = json.loads(answer["body_text"])["message"]
        assert json.loads(CODEC.encode_error(info)) == {"message": message, "detail": message}
        told = answer["headers"].get("x-amzn-errortype", {400: "ValidationException"}.get(answer["status"], ""))
        assert error_type(info) == told.partition(":")[0], exchange["id"]


def test_botocore_takes_recorded_requests_of_other_dialects() -> None:
    """What clients of OpenAI chat and Anthropic really sent, encoded for Bedrock, is valid by botocore's model of the service."""
    from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
    from proxy.codecs.openai_chat import OpenAIChatCodec

    for codec in (OpenAIChatCodec(), AnthropicMessagesCodec()):
        for exchange in corpus(codec.name):
            if exchange["response"]["status"] == 200:
                request = codec.decode_request(exchange["request"]["body"], {})
                assert_valid(CODEC.encode_request(request).body)
