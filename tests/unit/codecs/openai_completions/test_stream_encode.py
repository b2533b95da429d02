"""Events → chunks."""

import json
from pathlib import Path

from openai.types import Completion

from proxy.codecs.openai_completions import OpenAICompletionsCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
)
from tests.support.openai_samples import chunks_of, decode_all

WIRE = Path(__file__).parents[3] / "wire/openai_completions"
CODEC = OpenAICompletionsCodec(now=lambda: 9.0)


def encoded(*events: StreamEvent) -> tuple[bytes, list[str]]:
    encoder = CODEC.stream_encoder()
    return b"".join(encoder.encode(event) for event in events), encoder.dropped


def test_a_stream_keeps_its_meaning() -> None:
    """Decoded, encoded and decoded again: the same events; every chunk but the final ones is the SDK's."""
    stream = (WIRE / "stream.sse").read_bytes()
    events = decode_all(CODEC.stream_decoder(), stream)
    encoder = CODEC.stream_encoder()
    out = b"".join(encoder.encode(event) for event in events)
    out += CODEC.finish_stream(encoder.usage_chunk, include_usage=True, metadata=b'{"a":1}')
    again = decode_all(CODEC.stream_decoder(), out)
    assert [event for event in again if not isinstance(event, StreamStart)] == [
        event for event in events if not isinstance(event, StreamStart)
    ]
    *chunks, usage, done = chunks_of(out)
    assert done == "[DONE]"
    assert usage["metadata"] == {"a": 1}
    assert usage["choices"] == []
    for value in chunks:
        finish = value["choices"][0]["finish_reason"] or "stop"
        value["choices"][0]["finish_reason"] = finish
        Completion.model_validate_json(json.dumps(value), strict=True)


def test_only_text_is_shown() -> None:
    """Thinking and calls are dropped, and named once; a refusal is text."""
    out, dropped = encoded(
        StreamStart(id="x", model="m", extra={"container": 1}, service_tier="priority"),
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="hm"),
        BlockStop(block=0),
        BlockStart(block=1, kind="refusal"),
        TextDelta(block=1, text="no"),
        CitationDelta(block=1, citation={}, dialect="d"),
        BlockStop(block=1),
        BlockStart(block=2, kind="tool_use", id="i", name="f"),
        ArgumentsDelta(block=2, json="{}"),
        BlockStop(block=2),
        StreamPing(),
        Finish(reason="stop_sequence", stop_sequence="x"),
        StreamEnd(),
    )
    shown = chunks_of(out)
    assert [chunk["choices"][0]["text"] for chunk in shown] == ["no", ""]
    assert shown[-1]["choices"][0]["finish_reason"] == "stop"
    assert {(chunk["id"], chunk["created"], chunk["service_tier"]) for chunk in shown} == {("x", 9, "priority")}
    assert dropped == ["container", "thinking", "citations", "tool_use", "stop_sequence"]


def test_another_start_counts_until_something_was_shown() -> None:
    """A failed first attempt leaves no trace."""
    out, _ = encoded(
        StreamStart(id="one", model="a"),
        StreamStart(id="two", model="b"),
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="x"),
        StreamStart(id="three", model="c"),
        TextDelta(block=0, text="y"),
    )
    assert [(chunk["id"], chunk["model"]) for chunk in chunks_of(out)] == [("two", "b"), ("two", "b")]


def test_errors_and_keep_alive() -> None:
    """An in-band error as in chat; comments between events."""
    error = ErrorInfo(status=502, message="gone")
    out, _ = encoded(StreamFailed(error=error))
    assert chunks_of(out)[0]["error"]["message"] == "gone"
    assert CODEC.stream_encoder().keep_alive().startswith(b":")
