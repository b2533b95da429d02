"""The codec over recorded exchanges with OpenAI's Responses and compatible servers, where the machine has them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.responses import Response

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.messages import ThinkingPart
from proxy.core.response import ChatResponse
from tests.support.responses_samples import decode_all, events_of, folded, read_by_sdk
from tests.support.shared_corpus import corpus, without_nulls

CODEC = OpenAIResponsesCodec()


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    return corpus("openai_responses")


def bodies(exchanges: list[dict[str, Any]], *, stream: bool) -> Iterator[tuple[str, bytes]]:
    """Of successful answers that are whole: a background response is queued at first."""
    for exchange in exchanges:
        if exchange["stream"] is stream and exchange["response"]["status"] == 200:
            body = exchange["response"]["body_text"].encode()
            if stream or json.loads(body)["status"] != "queued":
                yield exchange["id"], body


def test_requests_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: equal as JSON but for nulls, and nothing reported. What is refused was refused by the provider, too."""
    for exchange in exchanges:
        body = exchange["request"]["body"]
        try:
            encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
        except InvalidBody:
            assert exchange["response"]["status"] == 400, exchange["id"]
            continue
        assert without_nulls(encoded.body) == without_nulls(body), exchange["id"]
        assert encoded.dropped == (), exchange["id"]


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Without nulls and without the details that this API has begun to send only lately."""
    answer = without_nulls(answer)
    for item in answer["output"]:
        for part in item.get("content", ()):
            if part.get("logprobs") == []:
                del part["logprobs"]
    answer["usage"]["input_tokens_details"].pop("cache_write_tokens", None)
    return answer


def test_answers_keep_everything(exchanges: list[dict[str, Any]]) -> None:
    """Decoded and encoded: every field of the answer; the SDK takes it strictly."""
    for name, body in bodies(exchanges, stream=False):
        response = CODEC.decode_response(body)
        encoded = CODEC.encode_response(response).body
        Response.model_validate_json(json.dumps(encoded), strict=True)
        expected, got = comparable(json.loads(body)), comparable(encoded)
        if expected["status"] == "complete":
            expected["status"] = "completed"
        assert {key: got.get(key) for key in expected} == expected, name
        again = CODEC.decode_response(json.dumps(encoded).encode())
        assert (again.choices, again.usage, again.id, again.model) == (response.choices, response.usage, response.id, response.model), name


def test_facts_agree_with_the_decoder(exchanges: list[dict[str, Any]]) -> None:
    """Both lanes learn the same."""
    for name, body in bodies(exchanges, stream=False):
        response, facts = CODEC.decode_response(body), CODEC.facts(body)
        assert (facts.response_id, facts.model, facts.created, facts.usage) == (
            response.id,
            response.model,
            response.created,
            response.usage,
        ), name
        assert facts.finished, name


def test_what_is_queued_is_no_answer_yet(exchanges: list[dict[str, Any]]) -> None:
    """It passes unchanged at its own dialect, and is refused for another."""
    queued = [e["response"]["body_text"].encode() for e in exchanges if '"status": "queued"' in (e["response"].get("body_text") or "")]
    for body in queued:
        assert not CODEC.facts(body).finished
        with pytest.raises(InvalidBody):
            CODEC.decode_response(body)


def meaning(response: ChatResponse) -> list[Any]:
    """Content and finish. A reasoning item's text may be content or summary."""
    (choice,) = response.choices
    parts = [
        ThinkingPart(text=p.text, signature=(p.signature or "").replace(":content:", ":summary:")) if isinstance(p, ThinkingPart) else p
        for p in choice.content
    ]
    return [parts, choice.finish, choice.logprobs, response.usage]


def test_streams_keep_their_meaning(exchanges: list[dict[str, Any]]) -> None:
    """Decoded, encoded and decoded again: the same answer; every event is the SDK's, but for what the provider itself sends otherwise."""
    for name, body in bodies(exchanges, stream=True):
        encoder = CODEC.stream_encoder()
        out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), body))
        assert encoder.dropped == [], name
        if b'"web_search_call"' not in body:  # OpenAI begins one without the action that the SDK's type requires
            read_by_sdk(out)
        first, second = folded(decode_all(CODEC.stream_decoder(), body)), folded(decode_all(CODEC.stream_decoder(), out))
        assert meaning(second) == meaning(first), name


def test_streams_agree_with_their_last_event(exchanges: list[dict[str, Any]]) -> None:
    """Its response is the whole answer."""
    for name, body in bodies(exchanges, stream=True):
        whole = CODEC.decode_response(json.dumps(events_of(body)[-1]["response"]).encode())
        assert _but_logprobs(folded(decode_all(CODEC.stream_decoder(), body))) == _but_logprobs(whole), name


def _but_logprobs(response: ChatResponse) -> list[Any]:
    """The recorded numbers differ between the deltas and the last event."""
    content, finish, _, usage = meaning(response)
    return [content, finish, usage]


def test_answers_as_streams(exchanges: list[dict[str, Any]]) -> None:
    """A whole answer replayed as a stream says the same, and the SDK reads it."""
    for name, body in bodies(exchanges, stream=False):
        response = CODEC.decode_response(body)
        encoder = CODEC.stream_encoder()
        out = b"".join(encoder.encode(event) for event in CODEC.response_to_events(response))
        final = read_by_sdk(out)
        assert final is not None
        assert meaning(folded(decode_all(CODEC.stream_decoder(), out))) == meaning(response), name


def test_watcher_forwards_every_event(exchanges: list[dict[str, Any]]) -> None:
    """Unchanged, in small pieces as well as at once, and knows the usage at the end."""
    for name, body in bodies(exchanges, stream=True):
        watcher, slow = CODEC.watcher(), CODEC.watcher()
        assert watcher.feed(body) + watcher.close() == body, name
        assert (watcher.complete, watcher.ended, watcher.error, watcher.usage_chunk) == (True, True, None, b""), name
        assert watcher.usage == folded(decode_all(CODEC.stream_decoder(), body)).usage, name
        assert b"".join(slow.feed(body[i : i + 97]) for i in range(0, len(body), 97)) + slow.close() == body, name


def test_errors_are_read(exchanges: list[dict[str, Any]]) -> None:
    """With the provider's words, which come back as they were."""
    for exchange in exchanges:
        answer = exchange["response"]
        if answer["status"] >= 400:
            info = CODEC.decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
            assert info.status == answer["status"]
            assert json.loads(CODEC.encode_error(info)) == json.loads(answer["body_text"]), exchange["id"]
