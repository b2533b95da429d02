"""Canonical events → the event stream: its grammar, and what every client's accumulation makes of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator, response_to_events
from proxy.codecs.anthropic_messages.response import decode_response, encode_response
from proxy.codecs.anthropic_messages.stream import MessagesStreamDecoder
from proxy.codecs.anthropic_messages.stream_out import PING, MessagesStreamEncoder
from proxy.codecs.sse import SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
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
from proxy.core.messages import AudioPart, OpaquePart, RedactedThinkingPart, TextPart, ToolUsePart
from proxy.core.response import ChatResponse, Usage

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"
START = StreamStart(id="i", model="m")
END = (Finish(), StreamEnd())


def encode(*events: StreamEvent) -> tuple[list[dict[str, Any]], MessagesStreamEncoder]:
    encoder = MessagesStreamEncoder()
    out = b"".join(encoder.encode(event) for event in events)
    parsed = SSEParser().feed(out)
    shown = [orjson.loads(event.data) for event in parsed]
    assert [event.event for event in parsed] == [event["type"].encode() for event in shown]
    return shown, encoder


def brief(shown: list[dict[str, Any]]) -> list[str]:
    """`start0:text`, `delta0`, `stop0`; other events by their type."""
    names = {"content_block_start": "start", "content_block_delta": "delta", "content_block_stop": "stop"}
    return [
        f"{names[e['type']]}{e['index']}" + (f":{e['content_block']['type']}" if "content_block" in e else "")
        if e["type"] in names
        else e["type"]
        for e in shown
    ]


def accumulated(events: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def test_text_stream() -> None:
    """The grammar of the API, with the counts at the end."""
    start = StreamStart(id="chatcmpl-1", model="gpt", created=1, service_tier="priority", extra={"system_fingerprint": "f"})
    usage = UsageUpdate(usage=Usage(input_tokens=3, output_tokens=4, cache_read_tokens=5))
    shown, encoder = encode(start, BlockStart(block=0, kind="text"), TextDelta(block=0, text="hé"), BlockStop(block=0), usage, *END)
    assert shown == [
        {
            "type": "message_start",
            "message": {
                "id": "chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "gpt",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0, "service_tier": "priority"},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hé"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0},
        },
        {"type": "message_stop"},
    ]
    assert encoder.dropped == ["system_fingerprint"]


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse"])
def test_own_stream_survives(name: str) -> None:
    """Decoded, encoded and decoded again, the answer is the same."""
    events = MessagesStreamDecoder().feed((WIRE / name).read_bytes())
    encoder = MessagesStreamEncoder()
    again = MessagesStreamDecoder().feed(b"".join(encoder.encode(event) for event in events))
    assert accumulated(again) == accumulated(events)
    assert encoder.dropped == []


@pytest.mark.parametrize("name", ["message_text.json", "message_tools.json"])
def test_stored_answer_as_a_stream(name: str) -> None:
    """A whole answer replayed as a stream adds up to itself."""
    response = decode_response((WIRE / name).read_bytes())
    shown = MessagesStreamDecoder().feed(b"".join(map(MessagesStreamEncoder().encode, response_to_events(response))))
    want, got = encode_response(response).body, encode_response(accumulated(shown)).body
    assert {key: got[key] for key in ("id", "model", "content", "stop_reason")} == {
        key: want[key] for key in ("id", "model", "content", "stop_reason")
    }
    assert got["usage"]["output_tokens"] == want["usage"]["output_tokens"]


def test_interleaved_calls_wait_for_the_floor() -> None:
    """The first call streams on; the second's pieces come when it has stopped."""
    first, second = BlockStart(block=0, kind="tool_use", id="a", name="f"), BlockStart(block=1, kind="tool_use", id="b", name="g")
    pieces = [
        ArgumentsDelta(block=0, json="{"),
        ArgumentsDelta(block=1, json="["),
        ArgumentsDelta(block=0, json="}"),
        ArgumentsDelta(block=1, json="]"),
    ]
    shown, _ = encode(START, first, second, *pieces, BlockStop(block=1), BlockStop(block=0), Finish(reason="tool_calls"), StreamEnd())
    assert brief(shown) == [
        "message_start",
        "start0:tool_use",
        "delta0",
        "delta0",
        "stop0",
        "start1:tool_use",
        "delta1",
        "delta1",
        "stop1",
        "message_delta",
        "message_stop",
    ]
    assert [e["delta"]["partial_json"] for e in shown if e["type"] == "content_block_delta"] == ["{", "}", "[", "]"]


def test_waiting_block_streams_once_it_has_the_floor() -> None:
    """Its later deltas are not held back."""
    encoder = MessagesStreamEncoder()
    for event in (START, BlockStart(block=0, kind="tool_use", id="a", name="f"), BlockStart(block=1, kind="tool_use", id="b", name="g")):
        encoder.encode(event)
    assert encoder.encode(ArgumentsDelta(block=1, json="{")) == b""
    assert b'"index":1' in encoder.encode(BlockStop(block=0))
    assert b'"partial_json":"}"' in encoder.encode(ArgumentsDelta(block=1, json="}"))


def test_end_closes_what_is_open() -> None:
    """Blocks that never stopped are closed in order."""
    shown, _ = encode(
        START,
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="a"),
        BlockStart(block=1, kind="tool_use", id="b", name="g"),
        BlockStart(block=2, kind="tool_use", id="c", name="g"),
        *END,
    )
    assert brief(shown)[1:-2] == ["start0:text", "delta0", "stop0", "start1:tool_use", "stop1", "start2:tool_use", "stop2"]


def test_empty_text_is_never_a_block() -> None:
    """Clients send answers back, and the API refuses empty text."""
    empty: list[StreamEvent] = [
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text=""),
        BlockStop(block=0),
        BlockStart(block=1, kind="thinking"),
        BlockStop(block=1),
    ]
    shown, _ = encode(START, *empty, BlockStart(block=2, kind="tool_use", id="a", name="f"), ArgumentsDelta(block=2, json=""), *END)
    assert brief(shown)[1:-2] == ["start0:tool_use", "stop0"]


def test_every_kind_of_block() -> None:
    """Thinking with its signature, refusals as text, whole blocks at once."""
    redacted = RedactedThinkingPart(data="d")
    opaque = OpaquePart(dialect="anthropic_messages", value={"type": "web_search_tool_result", "tool_use_id": "t", "content": []})
    delta: dict[str, Any] = {"type": "brand_new_delta", "a": 1}
    shown, encoder = encode(
        START,
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="hm"),
        SignatureDelta(block=0, signature="s"),
        BlockStop(block=0),
        BlockStart(block=1, kind="redacted_thinking", part=redacted),
        BlockStop(block=1),
        BlockStart(block=2, kind="opaque", part=opaque),
        OpaqueDelta(block=2, value=delta, dialect="anthropic_messages"),
        BlockStop(block=2),
        BlockStart(block=3, kind="refusal"),
        TextDelta(block=3, text="no"),
        CitationDelta(block=3, citation={"type": "c"}, dialect="anthropic_messages"),
        BlockStop(block=3),
        *END,
    )
    assert [e["content_block"] for e in shown if e["type"] == "content_block_start"] == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "redacted_thinking", "data": "d"},
        opaque.value,
        {"type": "text", "text": ""},
    ]
    assert [e["delta"] for e in shown if e["type"] == "content_block_delta"] == [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "s"},
        delta,
        {"type": "text_delta", "text": "no"},
        {"type": "citations_delta", "citation": {"type": "c"}},
    ]
    assert shown[-2]["delta"]["stop_reason"] == "refusal"
    assert encoder.dropped == []


def test_what_cannot_be_shown_is_reported_once() -> None:
    """Further choices, logprobs, foreign citations and blocks; the rest of the stream is whole."""
    foreign = OpaquePart(dialect="openai_chat", value={})
    shown, encoder = encode(
        START,
        BlockStart(block=0, kind="text"),
        BlockStart(block=1, kind="text", choice=1),
        TextDelta(block=0, text="a"),
        TextDelta(block=1, text="b"),
        LogprobsDelta(choice=0, logprobs={}),
        LogprobsDelta(choice=0, logprobs={}),
        CitationDelta(block=0, citation={}, dialect="openai_chat"),
        BlockStop(block=1),
        BlockStart(block=2, kind="opaque", part=foreign),
        OpaqueDelta(block=0, value={}, dialect="openai_chat"),
        BlockStart(block=3, kind="opaque", part=AudioPart(id="a")),
        BlockStart(block=4, kind="opaque"),
        Finish(choice=1, reason="length"),
        Finish(choice=0, reason="stop_sequence", stop_sequence="END"),
        StreamEnd(),
    )
    assert encoder.dropped == ["choices[1]", "logprobs", "citations", "opaque"]
    assert brief(shown)[1:-2] == ["start0:text", "delta0", "stop0"]
    assert shown[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_no_stop_reason_is_invented() -> None:
    """A stream that ended without a finish says null."""
    assert encode(START, StreamEnd())[0][1]["delta"] == {"stop_reason": None, "stop_sequence": None}


def test_forced_call_ends_with_tool_use() -> None:
    """The stop reason fits the content."""
    shown, _ = encode(START, BlockStart(block=0, kind="tool_use", id="a", name="f"), BlockStop(block=0), *END)
    assert shown[-2]["delta"]["stop_reason"] == "tool_use"


def test_late_events_of_a_block_are_nothing() -> None:
    """Deltas and stops of a block that is closed, or never was."""
    start = (START, BlockStart(block=0, kind="tool_use", id="a", name="f"), BlockStop(block=0))
    assert (
        encode(*start, ArgumentsDelta(block=0, json="{}"), BlockStop(block=0), TextDelta(block=9, text="a"), BlockStop(block=9))[0]
        == encode(*start)[0]
    )


def test_failure_ends_the_stream() -> None:
    """An `error` event, no `message_stop`, nothing after it."""
    error = ErrorInfo(status=529, message="Overloaded", type="overloaded_error")
    shown = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    told, seen = MessagesStreamEncoder(), MessagesStreamEncoder()
    told.encode(START)
    seen.encode(START)
    assert told.fail(error) == seen.encode(StreamFailed(error=error)) == shown
    assert told.encode(StreamEnd()) == seen.encode(StreamEnd()) == b""


def test_keep_alive() -> None:
    """The API's own ping, also for an upstream's."""
    encoder = MessagesStreamEncoder()
    assert encoder.keep_alive() == encoder.encode(StreamPing()) == PING == b'event: ping\ndata: {"type": "ping"}\n\n'


@st.composite
def streams(draw: st.DrawFn) -> list[StreamEvent]:
    """Any order of events that a decoder may yield, calls interleaving at will, over up to six blocks and two choices."""
    kinds = draw(st.lists(st.sampled_from(["text", "thinking", "refusal", "tool_use", "redacted_thinking"]), max_size=6))
    events: list[StreamEvent] = [START]
    scripts: list[list[StreamEvent]] = []
    for block, kind in enumerate(kinds):
        part = RedactedThinkingPart(data="d") if kind == "redacted_thinking" else None
        start = BlockStart(block=block, kind=kind, choice=draw(st.sampled_from([0, 0, 0, 1])), id=f"call_{block}", name="f", part=part)  # type: ignore[arg-type]
        pieces: list[StreamEvent] = []
        for text in draw(st.lists(st.sampled_from(["", "a", "bc"]), max_size=3)):
            pieces.append(ArgumentsDelta(block=block, json=text) if kind == "tool_use" else TextDelta(block=block, text=text))
        stop: list[StreamEvent] = [BlockStop(block=block)] if draw(st.booleans()) else []
        scripts.append([start, *(pieces if part is None else []), *stop])
    while any(scripts):
        script = draw(st.sampled_from([script for script in scripts if script]))
        events.append(script.pop(0))
    return [*events, Finish(choice=1), Finish(reason=draw(st.sampled_from(["stop", "length"]))), StreamEnd()]


@settings(max_examples=300, deadline=None)
@given(streams())
def test_state_machine(events: list[StreamEvent]) -> None:
    """Whatever interleaves: one block open at a time, unique indices from 0, one start and one stop a block, and the content of the
    first choice is that of the events."""
    shown, _ = encode(*events)
    opened: int | None = None
    following = 0
    for event in shown[1:-2]:
        if event["type"] == "content_block_start":
            assert (opened, event["index"]) == (None, following)
            opened, following = following, following + 1
        else:
            assert event["index"] == opened
            opened = None if event["type"] == "content_block_stop" else opened
    assert opened is None
    assert [shown[0]["type"], shown[-2]["type"], shown[-1]["type"]] == ["message_start", "message_delta", "message_stop"]
    again = MessagesStreamDecoder().feed(b"".join(map(MessagesStreamEncoder().encode, events)))
    assert _pieces(accumulated(again)) == _pieces(accumulated(events))


def _pieces(response: ChatResponse) -> list[tuple[str, str]]:
    """(kind, content) of what the first choice shows, in no particular order: blocks may change places when they wait."""
    found = []
    for choice in response.choices:
        for part in choice.content if choice.index == 0 else ():
            if isinstance(part, ToolUsePart):
                found.append((part.id, part.arguments.removesuffix("{}") if part.arguments == "{}" else part.arguments))
            elif isinstance(part, RedactedThinkingPart):
                found.append(("redacted", part.data))
            elif text := getattr(part, "text", ""):
                found.append(("text" if isinstance(part, TextPart) else _as_shown(type(part).__name__), text))
    return sorted(found)


def _as_shown(kind: str) -> str:
    return {"RefusalPart": "text"}.get(kind, kind)
