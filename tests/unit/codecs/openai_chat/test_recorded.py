"""The codec over recorded exchanges with OpenAI and compatible servers, where the machine has them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import ToolUsePart
from proxy.core.response import ChatResponse
from tests.support.openai_samples import chunks_of, decode_all
from tests.support.shared_corpus import corpus, without_nulls

CODEC = OpenAIChatCodec()


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    return corpus("openai_chat")


def bodies(exchanges: list[dict[str, Any]], *, stream: bool) -> Iterator[tuple[str, bytes]]:
    """Of successful answers."""
    for exchange in exchanges:
        if exchange["stream"] is stream and exchange["response"]["status"] == 200:
            yield exchange["id"], exchange["response"]["body_text"].encode()


def folded(stream: bytes) -> ChatResponse:
    accumulator = Accumulator()
    for event in decode_all(CODEC.stream_decoder(), stream):
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def test_requests_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: equal as JSON but for nulls and include_usage, and nothing reported."""
    for exchange in exchanges:
        body = exchange["request"]["body"]
        encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
        expected, got = without_nulls(body), without_nulls(encoded.body)
        for side in (expected, got):
            side.pop("stream_options", None)
        assert got == expected, exchange["id"]
        assert encoded.dropped == (), exchange["id"]


def test_answers_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: every field of the choices and the usage's counts; the SDK takes it strictly."""
    for name, body in bodies(exchanges, stream=False):
        response = CODEC.decode_response(body)
        encoded = CODEC.encode_response(response).body
        ChatCompletion.model_validate_json(json.dumps(encoded), strict=True)
        expected, got = without_nulls(json.loads(body)), without_nulls(encoded)
        for choice in expected["choices"]:
            message = choice["message"]
            if message.get("annotations") == []:
                del message["annotations"]
            if "reasoning" in message:
                message["reasoning_content"] = message.pop("reasoning")
        assert got["choices"] == expected["choices"], name
        assert {key: got["usage"][key] for key in expected["usage"]} == expected["usage"], name
        assert CODEC.decode_response(json.dumps(encoded).encode()) == response, name


def test_facts_agree_with_the_decoder(exchanges: list[dict[str, Any]]) -> None:
    """Both lanes learn the same."""
    for name, body in bodies(exchanges, stream=False):
        response, facts = CODEC.decode_response(body), CODEC.facts(body)
        assert (facts.response_id, facts.model, facts.created, facts.finished) == (response.id, response.model, response.created, True), (
            name
        )
        assert facts.usage is not None
        assert response.usage is not None
        assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (response.usage.prompt_tokens, response.usage.output_tokens), name


def test_streams_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded, encoded and decoded again: the same choices; every chunk is the SDK's."""
    for name, body in bodies(exchanges, stream=True):
        encoder = CODEC.stream_encoder()
        out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), body))
        out += CODEC.finish_stream(encoder.usage_chunk, include_usage=True, metadata=None)
        for chunk in chunks_of(out)[:-1]:
            ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)
        first, second = folded(body), folded(out)
        assert [_parsed(choice.content) for choice in first.choices] == [_parsed(choice.content) for choice in second.choices], name
        assert [choice.finish for choice in first.choices] == [choice.finish for choice in second.choices], name
        assert second.usage == first.usage, name


def _parsed(content: Any) -> list[Any]:
    """Arguments by value: none are written as an empty object."""
    return [(p.id, p.name, json.loads(p.arguments or "{}")) if isinstance(p, ToolUsePart) else p for p in content]


def test_watcher_forwards_every_event(exchanges: list[dict[str, Any]]) -> None:
    """All but the usage chunk and `[DONE]`, byte by byte as well as at once."""
    for name, body in bodies(exchanges, stream=True):
        watcher, slow = CODEC.watcher(), CODEC.watcher()
        out = watcher.feed(body) + watcher.close()
        assert watcher.complete, name
        assert [c for c in chunks_of(body) if c != "[DONE]"] == chunks_of(out) + chunks_of(watcher.usage_chunk), name
        assert b"".join(slow.feed(body[i : i + 97]) for i in range(0, len(body), 97)) + slow.close() == out, name


def test_errors_are_read(exchanges: list[dict[str, Any]]) -> None:
    """With the provider's words, which come back as they were."""
    for exchange in exchanges:
        answer = exchange["response"]
        if answer["status"] >= 400:
            info = CODEC.decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
            assert info.status == answer["status"]
            assert json.loads(CODEC.encode_error(info)) == json.loads(answer["body_text"]), exchange["id"]
