"""Nothing that a client or a provider sends makes the codec fail otherwise than by InvalidBody."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.bedrock_converse.check import check
from proxy.codecs.eventstream import event_frame
from proxy.codecs.openai_chat import OpenAIChatCodec
from tests.support.converse_samples import wire
from tests.support.shared_corpus import without_nulls

CODEC = BedrockConverseCodec()
CODECS: tuple[Codec, ...] = (CODEC, OpenAIChatCodec(), AnthropicMessagesCodec())
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 1.5, True, "", "x", "{", [], [[]], {}, {"type": []}, {"text": {}}, {"json": "["}, [None], ["x"]]
)
SAMPLES: dict[str, Any] = {name: json.loads(wire(name)) for name in ("request_full.json", "answer_text.json", "answer_tools.json")}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything within."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [path, *(found for key, item in items for found in places(item, (*path, key)))][0 if path else 1 :]


def spoilt(name: str, place: tuple[Any, ...], odd: Any) -> Any:
    """A copy of the sample with one value replaced."""
    body = json.loads(wire(name))
    node = body
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = odd
    return body


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.sampled_from(places(SAMPLES["request_full.json"])), ODD)
def test_requests(place: tuple[Any, ...], odd: Any) -> None:
    """Any field of the full sample may be anything: it is refused, or every dialect can write it, this one as it was."""
    body = spoilt("request_full.json", place, odd)
    try:
        check(body)
        request = CODEC.decode_request(body, {})
        for codec in CODECS[1:]:
            codec.encode_request(request)
        if place != ("stream",):
            assert without_nulls(CODEC.encode_request(request).body) == without_nulls(body)
    except InvalidBody:
        pass


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.sampled_from(["answer_text.json", "answer_tools.json"]), st.data(), ODD)
def test_answers(name: str, data: st.DataObject, odd: Any) -> None:
    """Likewise for an answer, and for what the passthrough lane reads of it."""
    place = data.draw(st.sampled_from(places(SAMPLES[name])))
    body = json.dumps(spoilt(name, place, odd)).encode()
    try:
        response = CODEC.decode_response(body)
        for codec in CODECS:
            codec.encode_response(response)
        CODEC.facts(body)
    except InvalidBody:
        pass


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes(body: bytes) -> None:
    """As an answer, its facts, a stream, a watched stream."""
    for read in (CODEC.decode_response, CODEC.facts, CODEC.stream_decoder().feed, CODEC.watcher().feed):
        with suppress(InvalidBody):
            read(body)


def test_bottomless_answers() -> None:
    """Deeper than a parser goes, where nobody looks for anything."""
    deep = b'{"zz":' + b"[" * 5000 + b"]" * 5000 + b"}"
    frame = event_frame("contentBlockDelta", deep)
    for codec in CODECS:
        for read in (codec.decode_response, codec.facts):
            with pytest.raises(InvalidBody):
                read(deep)
    for feed in (CODEC.stream_decoder().feed, CODEC.watcher().feed):
        with pytest.raises(InvalidBody):
            feed(frame)
