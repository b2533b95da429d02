"""The event stream → canonical events."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.anthropic_messages.stream import MessagesStreamDecoder
from proxy.codecs.base import InvalidBody
from proxy.codecs.sse import sse_event
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RedactedThinkingPart

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"
SAMPLES = ["stream_text.sse", "stream_tools.sse", "stream_error.sse"]
START = {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 1, "output_tokens": 1}}}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}}
STOP = {"type": "message_stop"}


def decode(*chunks: bytes) -> list[StreamEvent]:
    decoder = MessagesStreamDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close()


def wire(*events: dict[str, Any]) -> bytes:
    return b"".join(sse_event(orjson.dumps(event), str(event.get("type")).encode()) for event in events)


def block_start(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(delta: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def block_stop(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def inside(*events: dict[str, Any]) -> list[StreamEvent]:
    """The canonical events of these between a start and a proper end."""
    return decode(wire(START, *events, DELTA, STOP))[2:-3]


def test_text_stream() -> None:
    """Start, text, cumulative usage, finish, end."""
    events = decode((WIRE / "stream_text.sse").read_bytes())
    assert events[0] == StreamStart(id="msg_03S", model="claude-sonnet-4-5", service_tier="default")
    assert events[2:6] == [
        BlockStart(block=0, kind="text"),
        StreamPing(),
        TextDelta(block=0, text="Shelf 3, "),
        TextDelta(block=0, text="grüß dich 👋"),
    ]
    last = events[-3]
    assert isinstance(last, UsageUpdate)
    assert (last.usage.input_tokens, last.usage.cache_read_tokens, last.usage.output_tokens) == (12, 4, 9)
    assert events[-2:] == [Finish(reason="stop_sequence", stop_sequence="END"), StreamEnd()]


def test_tools_stream() -> None:
    """Blocks count up, calls have arguments that parse, server tools are opaque with their deltas."""
    events = decode((WIRE / "stream_tools.sse").read_bytes())
    starts = [event for event in events if isinstance(event, BlockStart)]
    assert [(start.block, start.kind) for start in starts] == list(
        enumerate(["thinking", "text", "opaque", "opaque", "tool_use", "tool_use"])
    )
    assert [(start.id, start.name) for start in starts[4:]] == [("toolu_a", "find"), ("toolu_b", "photo")]
    assert SignatureDelta(block=0, signature="c2ln") in events
    assert any(isinstance(event, CitationDelta) and event.block == 1 and event.dialect == "anthropic_messages" for event in events)
    query = {"type": "input_json_delta", "partial_json": '{"query":"hall"}'}
    assert OpaqueDelta(block=2, value=query, dialect="anthropic_messages") in events
    arguments = {block: "".join(e.json for e in events if isinstance(e, ArgumentsDelta) and e.block == block) for block in (4, 5)}
    assert arguments == {4: '{"parcel": 7}', 5: "{}"}
    assert events[-2:] == [Finish(reason="tool_calls"), StreamEnd()]


def test_error_event_ends_the_stream() -> None:
    """Nothing follows, nothing is invented."""
    decoder = MessagesStreamDecoder()
    events = decoder.feed((WIRE / "stream_error.sse").read_bytes())
    failed = events[-1]
    assert isinstance(failed, StreamFailed)
    assert (failed.error.status, failed.error.message, failed.error.request_id) == (529, "Overloaded", "req_012SAMPLE")
    assert decoder.feed(wire(DELTA, STOP)) == []
    assert decoder.close() == []


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_at_every_byte(name: str) -> None:
    """Wherever the stream is cut in two, the events are the same."""
    body = (WIRE / name).read_bytes()
    whole = decode(body)
    for cut in range(len(body) + 1):
        assert decode(body[:cut], body[cut:]) == whole


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.integers(0, 4000), max_size=40))
def test_cut_anywhere(name: str, cuts: list[int]) -> None:
    """Likewise for many cuts at once."""
    body = (WIRE / name).read_bytes()
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert decode(*(body[a:b] for a, b in pairwise(places))) == decode(body)


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse"])
def test_truncated_anywhere_it_has_no_end(name: str) -> None:
    """Only the whole `message_stop` event is the evidence."""
    body = (WIRE / name).read_bytes()
    for length in range(len(body)):
        events = decode(body[:length])
        assert not any(isinstance(event, StreamEnd | StreamFailed) for event in events)


def test_unknown_events_are_ignored() -> None:
    """The API may grow some."""
    assert inside({"type": "brand_new", "index": "x"}) == []


def test_unknown_block_and_delta_are_opaque() -> None:
    """Carried to clients of the same dialect."""
    block, delta = {"type": "brand_new", "a": 1}, {"type": "brand_new_delta", "b": 2}
    dialect = "anthropic_messages"
    assert inside(
        block_start(block), block_delta(delta), block_stop(), block_start({"type": "text"}, 1), block_delta(delta, 1), block_stop(1)
    ) == [
        BlockStart(block=0, kind="opaque", part=OpaquePart(dialect=dialect, value=block)),
        OpaqueDelta(block=0, value=delta, dialect=dialect),
        BlockStop(block=0),
        BlockStart(block=1, kind="text"),
        OpaqueDelta(block=1, value=delta, dialect=dialect),
        BlockStop(block=1),
    ]


def test_blocks_that_begin_with_something() -> None:
    """Text, thinking and input may stand in the start already."""
    assert inside(
        block_start({"type": "text", "text": "a"}),
        block_stop(),
        block_start({"type": "thinking", "thinking": "b", "signature": "s"}, 1),
        block_stop(1),
        block_start({"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}, 2),
        block_stop(2),
        block_start({"type": "redacted_thinking", "data": "d"}, 3),
        block_stop(3),
    ) == [
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="a"),
        BlockStop(block=0),
        BlockStart(block=1, kind="thinking"),
        TextDelta(block=1, text="b"),
        SignatureDelta(block=1, signature="s"),
        BlockStop(block=1),
        BlockStart(block=2, kind="tool_use", id="t", name="f"),
        ArgumentsDelta(block=2, json='{"x":1}'),
        BlockStop(block=2),
        BlockStart(block=3, kind="redacted_thinking", part=RedactedThinkingPart(data="d")),
        BlockStop(block=3),
    ]


def test_last_block_without_its_stop_is_closed() -> None:
    """Some upstreams leave it out; the stop reason says that the block is whole."""
    assert inside(block_start({"type": "tool_use", "id": "t", "name": "f"})) == [
        BlockStart(block=0, kind="tool_use", id="t", name="f"),
        ArgumentsDelta(block=0, json="{}"),
        BlockStop(block=0),
    ]


def test_message_extras_and_several_deltas() -> None:
    """The start's other fields are kept; the first stop reason holds, the last usage too."""
    start = {"type": "message_start", "message": {**START["message"], "container": {"id": "c"}, "stop_details": None}}  # type: ignore[dict-item]
    late = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 9}}
    bare = {"type": "message_delta", "delta": {}}
    events = decode(wire(start, DELTA, late, bare, STOP))
    assert events[0] == StreamStart(id="m", model="x", extra={"container": {"id": "c"}})
    assert [event for event in events if isinstance(event, Finish)] == [Finish(reason="stop")]
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageUpdate)] == [1, 2, 9]


def test_nothing_after_the_end() -> None:
    """Events after `message_stop` in the same chunk, or later ones, yield nothing."""
    decoder = MessagesStreamDecoder()
    assert decoder.feed(wire(START, DELTA, STOP, START))[-1] == StreamEnd()
    assert decoder.feed(wire(START)) == []


@pytest.mark.parametrize(
    ("events", "path"),
    [
        ([{"no": "type"}], "type"),
        ([{"type": 3}], "type"),
        ([DELTA], "message_delta"),
        ([block_start({"type": "text"})], "content_block_start"),
        ([START, START], "message_start"),
        ([{"type": "message_start"}], "message_start.message"),
        ([{"type": "message_start", "message": {"id": "m", "model": "x"}}], "message_start.message.usage"),
        ([{"type": "message_start", "message": {"model": "x", "usage": {}}}], "message_start.message.id"),
        ([{"type": "message_start", "message": {"id": "m", "usage": {}}}], "message_start.message.model"),
        ([START, {"type": "content_block_start", "content_block": {"type": "text"}}], "content_block_start.index"),
        ([START, {"type": "content_block_start", "index": "0", "content_block": {}}], "content_block_start.index"),
        ([START, {"type": "content_block_start", "index": 0}], "content_block_start.content_block"),
        ([START, block_start({})], "content_block_start.content_block.type"),
        ([START, block_start({"type": "text", "text": 3})], "content_block_start.content_block.text"),
        ([START, block_start({"type": "tool_use", "name": "f"})], "content_block_start.content_block.id"),
        ([START, block_start({"type": "tool_use", "id": "t"})], "content_block_start.content_block.name"),
        ([START, block_start({"type": "tool_use", "id": "t", "name": "f", "input": "{}"})], "content_block_start.content_block.input"),
        ([START, block_start({"type": "redacted_thinking"})], "content_block_start.content_block.data"),
        ([START, block_start({"type": "text"}), block_start({"type": "text"})], "content_block_start.index"),
        ([START, block_delta({"type": "text_delta", "text": "a"})], "content_block_delta.index"),
        ([START, block_start({"type": "text"}), {"type": "content_block_delta", "index": 0}], "content_block_delta.delta"),
        ([START, block_start({"type": "text"}), block_delta({"text": "a"})], "content_block_delta.delta.type"),
        ([START, block_start({"type": "text"}), block_delta({"type": "text_delta"})], "content_block_delta.delta.text"),
        (
            [START, block_start({"type": "text"}), block_delta({"type": "input_json_delta", "partial_json": "{"})],
            "content_block_delta.delta.type",
        ),
        ([START, block_start({"type": "text"}), block_delta({"type": "citations_delta"})], "content_block_delta.delta.citation"),
        ([START, block_stop()], "content_block_stop.index"),
        ([START, {"type": "message_delta"}], "message_delta.delta"),
        ([START, {"type": "message_delta", "delta": {"stop_reason": 3}}], "message_delta.delta.stop_reason"),
        ([START, {"type": "message_delta", "delta": {}, "usage": 3}], "message_delta.usage"),
        ([START, {"type": "message_delta", "delta": {}, "usage": {"output_tokens": "3"}}], "message_delta.usage.output_tokens"),
        ([START, STOP], "message_stop"),
    ],
)
def test_broken_stream_names_the_place(events: list[dict[str, Any]], path: str) -> None:
    """An event that breaks the schema or the order is refused, with its path."""
    with pytest.raises(InvalidBody) as caught:
        decode(wire(*events))
    assert caught.value.path == path


@pytest.mark.parametrize("data", [b"[DONE]", b"{", b"[]", b"\xff"])
def test_data_that_is_no_object(data: bytes) -> None:
    """Whatever it is, it is not this dialect."""
    with pytest.raises(InvalidBody):
        decode(b"data: " + data + b"\n\n")
