"""The codec over recorded exchanges with the Gemini API, where the machine has them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.core.messages import Part, TextPart, ThinkingPart, ToolUsePart
from tests.support.gemini_samples import CODEC, decode_all, encode_all, folded
from tests.support.shared_corpus import corpus


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    return corpus("gemini")


def bodies(exchanges: list[dict[str, Any]], *, stream: bool) -> Iterator[tuple[str, bytes]]:
    """Of successful answers."""
    for exchange in exchanges:
        if exchange["stream"] is stream and exchange["response"]["status"] == 200:
            yield exchange["id"], exchange["response"]["body_text"].encode()


def test_requests_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: equal as JSON, and nothing reported; the quick check lets all of them pass."""
    for exchange in exchanges:
        body = {"model": exchange["model"], "stream": exchange["stream"], **exchange["request"]["body"]}
        encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
        assert encoded.body == body, exchange["id"]
        assert encoded.dropped == (), exchange["id"]


def test_answers_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: every field but for ids of calls and indices that were left out."""
    for name, body in bodies(exchanges, stream=False):
        response = CODEC.decode_response(body)
        encoded = CODEC.encode_response(response)
        got, expected = json.loads(json.dumps(encoded.body)), json.loads(body)
        for i, candidate in enumerate(expected["candidates"]):
            candidate.setdefault("index", i)
        for candidate in got["candidates"]:
            for part in candidate["content"].get("parts", ()):
                part.get("functionCall", {}).pop("id", None)
        expected.setdefault("responseId", "")
        assert got == expected, name
        assert encoded.dropped == (), name
        assert CODEC.decode_response(json.dumps(encoded.body).encode()) == response, name


def test_facts_agree_with_the_decoder(exchanges: list[dict[str, Any]]) -> None:
    """Both lanes learn the same."""
    for name, body in bodies(exchanges, stream=False):
        response, facts = CODEC.decode_response(body), CODEC.facts(body)
        assert ((facts.response_id or ""), facts.model, facts.usage, facts.finished) == (
            response.id,
            response.model,
            response.usage,
            True,
        ), name


def test_streams_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded, encoded and decoded again: the same content, finish and counts."""
    for name, body in bodies(exchanges, stream=True):
        events = decode_all(body)
        first, second = folded(events), folded(decode_all(encode_all(events)))
        assert [_said(choice.content) for choice in first.choices] == [_said(choice.content) for choice in second.choices], name
        assert [choice.finish for choice in first.choices] == [choice.finish for choice in second.choices], name
        assert (first.id, first.model) == (second.id, second.model), name
        assert first.usage is not None
        assert second.usage is not None
        assert (first.usage.prompt_tokens, first.usage.output_tokens, first.usage.reasoning_tokens) == (
            second.usage.prompt_tokens,
            second.usage.output_tokens,
            second.usage.reasoning_tokens,
        ), name


def _said(content: tuple[Part, ...]) -> list[Any]:
    """Sources by kind: the stream has them in the order of their events, the API in its own."""
    said: list[Any] = []
    for part in content:
        if isinstance(part, TextPart):
            said.append((part.text, {key: value for citation in part.citations for key, value in citation.items()}))
        else:
            said.append(part)
    return said


def test_a_stream_is_counted_as_its_provider_does(exchanges: list[dict[str, Any]]) -> None:
    """Input and output together are the total, wherever the prompt's count is there."""
    for name, body in bodies(exchanges, stream=True):
        usage = folded(decode_all(body)).usage
        last = json.loads([line for line in body.split(b"\n") if line.startswith(b"data: ")][-1][6:])["usageMetadata"]
        assert usage is not None
        if "promptTokenCount" in last:
            assert (usage.total_tokens, usage.incomplete) == (last["totalTokenCount"], False), name
        else:
            assert usage.incomplete is True, name


def test_watcher_forwards_every_byte(exchanges: list[dict[str, Any]]) -> None:
    """At once as well as in pieces."""
    for name, body in bodies(exchanges, stream=True):
        for size in (97, len(body)):
            watcher = CODEC.watcher()
            out = b"".join(watcher.feed(body[at : at + size]) for at in range(0, len(body), size)) + watcher.close()
            assert out == body, name
            assert watcher.complete, name


def test_errors_are_read(exchanges: list[dict[str, Any]]) -> None:
    """With the provider's words and details, which come back as they were."""
    for exchange in exchanges:
        answer = exchange["response"]
        if answer["status"] >= 400:
            info = CODEC.decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
            assert info.status == answer["status"]
            assert json.loads(CODEC.encode_error(info)) == json.loads(answer["body_text"]), exchange["id"]


def test_calls_get_unique_ids(exchanges: list[dict[str, Any]]) -> None:
    """In answers and in histories."""
    for exchange in exchanges:
        request = CODEC.decode_request({"model": "m", **exchange["request"]["body"]}, {})
        ids = [part.id for message in request.messages for part in message.content if isinstance(part, ToolUsePart)]
        assert len(ids) == len(set(ids)), exchange["id"]
    for name, body in bodies(exchanges, stream=False):
        content = CODEC.decode_response(body).choices[0].content
        ids = [part.id for part in content if isinstance(part, ToolUsePart)]
        assert len(ids) == len(set(ids)), name
        assert all(ids), name
        assert not any(isinstance(part, ThinkingPart) and part.signature == "" for part in content), name
