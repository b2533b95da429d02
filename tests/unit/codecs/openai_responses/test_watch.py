"""The passthrough lane's watcher."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.openai_responses.watch import ResponsesWatcher
from proxy.codecs.sse import sse_event
from proxy.core.errors import ErrorInfo
from tests.support.openai_samples import cut
from tests.support.responses_samples import BROKEN_STREAMS, WHOLE_STREAMS, decode_all, folded, sample

CODEC = OpenAIResponsesCodec()


def watched(*events: dict[str, Any]) -> ResponsesWatcher:
    watcher = CODEC.watcher()
    watcher.feed(b"".join(sse_event(json.dumps(event).encode()) for event in events))
    return watcher


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_forwards_every_event(name: str) -> None:
    """Unchanged but for a `[DONE]`, and knows what the decoder knows."""
    stream = sample(name)
    watcher = CODEC.watcher()
    assert watcher.feed(stream) + watcher.close() == stream.replace(b"data: [DONE]\n\n", b"")
    answer = folded(decode_all(CODEC.stream_decoder(), stream))
    assert (watcher.response_id, watcher.model, watcher.usage) == (answer.id, answer.model, answer.usage)
    assert (watcher.content, watcher.complete, watcher.ended, watcher.error) == (True, True, True, None)
    assert watcher.tool_calls is (name in ("stream_tools.sse", "stream_builtin.sse", "stream_liberties.sse"))
    assert watcher.usage_chunk == b""


@pytest.mark.parametrize("name", [*WHOLE_STREAMS, *BROKEN_STREAMS])
def test_cut_at_every_byte(name: str) -> None:
    """The same bytes, never half an event."""
    stream = sample(name)
    once = CODEC.watcher()
    whole = once.feed(stream)
    for place in range(1, len(stream), 3):
        watcher = CODEC.watcher()
        first, second = (watcher.feed(piece) for piece in cut(stream, place))
        assert first + second == whole
        assert first == b"" or first.endswith(b"\n\n")
        assert (watcher.usage, watcher.complete, watcher.text_bytes) == (once.usage, once.complete, once.text_bytes)


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_a_failure_is_held_back(name: str) -> None:
    """The owner tells the client: the provider's own event where the error is the provider's, another where it is not."""
    stream = sample(name)
    watcher = CODEC.watcher()
    out = watcher.feed(stream)
    assert watcher.error is not None
    assert (watcher.content, watcher.complete, watcher.ended) == (True, False, False)
    assert out + watcher.fail(watcher.error) == stream
    other = watcher.fail(ErrorInfo(status=504, message="late", code="upstream_timeout"))
    assert b'"code":"upstream_timeout"' in other
    assert watcher.feed(stream) == b""


def test_content() -> None:
    """A message or reasoning item shows nothing before its first delta; everything else does."""
    item = {"type": "response.output_item.added", "output_index": 0}
    assert not watched({"type": "response.created", "response": {}}, {**item, "item": {"type": "message"}}).content
    assert not watched({**item, "item": {"type": "reasoning"}}).content
    assert not watched({"type": "response.content_part.added", "part": {}}).content
    assert watched({**item, "item": {"type": "web_search_call"}}).content
    assert watched({"type": "response.output_text.done", "text": "a"}).content
    call = watched({**item, "item": {"type": "function_call"}})
    assert (call.content, call.tool_calls) == (True, True)
    assert watched({"type": "response.output_text.delta", "delta": "Hé"}, {"type": "response.refusal.delta", "delta": "x"}).text_bytes == 3


@pytest.mark.parametrize(("text", "length"), [("Hi there", 8), ("Hé", 3), ('say "x"', 9), ("", 0), ("a\\", 3)])
def test_length_of_a_delta(text: str, length: int) -> None:
    """As spelled, wherever it stands and however it is spaced."""
    event = {"type": "response.output_text.delta", "delta": text, "logprobs": []}
    for separators in ((",", ":"), (", ", ": ")):
        watcher = CODEC.watcher()
        watcher.feed(sse_event(json.dumps(event, ensure_ascii=False, separators=separators).encode(), b"response.output_text.delta"))
        assert watcher.content
        assert watcher.text_bytes in (length, len(text))


def test_the_error_s_number() -> None:
    """Follows the latest event's."""
    error = ErrorInfo(status=502, message="m")
    watcher = watched({"type": "response.created", "response": {}, "sequence_number": 4})
    assert b'"sequence_number":5' in watcher.fail(error)
    assert b'"sequence_number":0' in watched({"type": "response.created", "response": {}}).fail(error)
    assert b'"sequence_number":0' in CODEC.watcher().fail(error)


def test_liberties_of_types() -> None:
    """Fields of other types than documented do not stop a stream."""
    watcher = watched(
        {"type": "response.created", "response": {"id": 5, "model": "m", "usage": [], "output": None}},
        {"type": "response.output_item.added", "item": {"type": 5}, "sequence_number": "x"},
        {"type": "response.audio.delta", "delta": {"a": 1}},
        {"type": "response.completed", "response": {"id": 5, "output": [5, {"type": "function_call"}], "usage": {"input_tokens": 1}}},
    )
    assert (watcher.response_id, watcher.model, watcher.complete, watcher.tool_calls) == (None, "m", True, True)
    assert watcher.usage is not None


def test_an_error_without_a_type() -> None:
    """As some servers write it."""
    watcher = watched({"error": {"message": "no", "code": "server_error"}})
    assert watcher.error is not None
    assert watcher.error.message == "no"
    assert watched({"type": "response.failed", "response": {"usage": {"input_tokens": 4}}}).usage is not None


def test_comments_go_by() -> None:
    """And blank data."""
    watcher = CODEC.watcher()
    assert watcher.feed(b": ping\n\ndata: \n\n") == b": ping\n\ndata: \n\n"
    assert watcher.keep_alive() == b": keep-alive\n\n"


@pytest.mark.parametrize("raw", [b"data: {\n\n", b"data: 5\n\n", b'data: {"type":"x","response":5}\n\n'])
def test_no_event(raw: bytes) -> None:
    """Is refused."""
    with pytest.raises(InvalidBody):
        CODEC.watcher().feed(raw)


@given(st.binary(max_size=200))
def test_random_bytes(raw: bytes) -> None:
    """Never trip it but by InvalidBody, and never complete it."""
    for stream in (raw, b"data: " + raw + b"\n\n"):
        watcher = CODEC.watcher()
        try:
            watcher.feed(stream)
        except InvalidBody:
            continue
        assert not watcher.complete
