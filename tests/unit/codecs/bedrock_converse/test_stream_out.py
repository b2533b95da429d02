"""Canonical events → ConverseStream."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator, response_to_events
from proxy.codecs.bedrock_converse.response import decode_response
from proxy.codecs.bedrock_converse.stream import ConverseStreamDecoder
from proxy.codecs.bedrock_converse.stream_out import ConverseStreamEncoder
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
from proxy.core.messages import ImagePart, OpaquePart
from proxy.core.response import ChatResponse, Usage
from tests.support.converse_samples import decode_all, events_of, wire, wire_stream

START = StreamStart(id="i", model="m")
OWN = "bedrock_converse"


def encoded(*events: StreamEvent) -> tuple[list[tuple[str, Any]], list[str]]:
    """(frames, dropped)."""
    encoder = ConverseStreamEncoder()
    out = b"".join(encoder.encode(event) for event in events)
    return events_of(out), encoder.dropped


def content(*events: StreamEvent) -> list[tuple[str, Any]]:
    """The frames between messageStart and messageStop."""
    return encoded(START, *events, Finish(), StreamEnd())[0][1:-1]


def delta(index: int, value: dict[str, Any]) -> tuple[str, Any]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": value}


def stop(index: int) -> tuple[str, Any]:
    return "contentBlockStop", {"contentBlockIndex": index}


def call(index: int, name: str) -> tuple[str, Any]:
    return "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": name, "name": "f"}}}


def test_a_plain_answer_is_as_aws_sends_it() -> None:
    """No contentBlockStart for text; messageStop, then metadata."""
    frames, dropped = encoded(
        START,
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="a"),
        TextDelta(block=0, text=""),
        BlockStop(block=0),
        Finish(reason="length"),
        UsageUpdate(usage=Usage(input_tokens=1, output_tokens=2)),
        StreamEnd(),
    )
    counts = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0}
    assert frames == [
        ("messageStart", {"role": "assistant"}),
        delta(0, {"text": "a"}),
        stop(0),
        ("messageStop", {"stopReason": "max_tokens"}),
        ("metadata", {"usage": counts, "metrics": {"latencyMs": 0}}),
    ]
    assert dropped == []


@pytest.mark.parametrize("name", ["stream_text.json", "stream_tools.json"])
def test_its_own_streams_come_back(name: str) -> None:
    """The same answer."""

    def folded(stream: bytes) -> ChatResponse:
        accumulator = Accumulator()
        for event in decode_all(ConverseStreamDecoder(), stream):
            accumulator.add(event)
        assert accumulator.complete
        return accumulator.response()

    encoder = ConverseStreamEncoder()
    again = b"".join(encoder.encode(event) for event in decode_all(ConverseStreamDecoder(), wire_stream(name)))
    assert folded(again) == folded(wire_stream(name))


@pytest.mark.parametrize("name", ["text", "tools"])
def test_a_whole_answer_replayed_is_the_stream(name: str) -> None:
    """From the cache."""
    encoder = ConverseStreamEncoder()
    whole = decode_response(wire(f"answer_{name}.json"))
    stream = b"".join(encoder.encode(event) for event in response_to_events(whole))
    accumulator = Accumulator()
    for event in decode_all(ConverseStreamDecoder(), stream):
        accumulator.add(event)
    assert accumulator.response().choices == whole.choices
    assert accumulator.response().usage == whole.usage


def test_interleaved_calls_are_kept_apart() -> None:
    """One block is open at a time; the other's pieces wait."""
    assert content(
        BlockStart(block=0, kind="tool_use", id="a", name="f"),
        BlockStart(block=1, kind="tool_use", id="b", name="f"),
        ArgumentsDelta(block=1, json='{"b":'),
        ArgumentsDelta(block=0, json="{}"),
        ArgumentsDelta(block=1, json="1}"),
        BlockStop(block=1),
        BlockStop(block=0),
    ) == [
        call(0, "a"),
        delta(0, {"toolUse": {"input": "{}"}}),
        stop(0),
        call(1, "b"),
        delta(1, {"toolUse": {"input": '{"b":'}}),
        delta(1, {"toolUse": {"input": "1}"}}),
        stop(1),
    ]


def test_reasoning() -> None:
    """Text and signature."""
    assert content(
        BlockStart(block=0, kind="thinking"), TextDelta(block=0, text="t"), SignatureDelta(block=0, signature="s"), BlockStop(block=0)
    ) == [delta(0, {"reasoningContent": {"text": "t"}}), delta(0, {"reasoningContent": {"signature": "s"}}), stop(0)]


def test_blocks_without_content_are_none() -> None:
    """An empty text; open blocks close at the end."""
    assert content(BlockStart(block=0, kind="text"), BlockStop(block=0)) == []
    assert content(
        BlockStart(block=0, kind="text"), TextDelta(block=0, text="a"), BlockStart(block=1, kind="tool_use", id="a", name="f")
    ) == [
        delta(0, {"text": "a"}),
        stop(0),
        call(1, "a"),
        stop(1),
    ]


def test_parts_that_arrive_at_once() -> None:
    """An image, its own opaque blocks; those of others are reported."""
    image = ImagePart(data="iVBORw0KGgo=", media_type="image/png")
    assert content(BlockStart(block=0, kind="opaque", part=image), BlockStop(block=0)) == [
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}),
        delta(0, {"image": {"source": {"bytes": "iVBORw0KGgo="}}}),
        stop(0),
    ]
    foreign = OpaquePart(dialect="openai_chat", value={})
    new = OpaquePart(dialect=OWN, value={"new": {}})
    for part in (foreign, new):
        assert encoded(START, BlockStart(block=0, kind="opaque", part=part), BlockStop(block=0)) == (
            [("messageStart", {"role": "assistant"})],
            ["opaque"],
        )


def test_citations_and_opaque_deltas() -> None:
    """Its own are shown, others reported; an unknown kind of delta passes as it is."""
    events: list[StreamEvent] = [
        BlockStart(block=0, kind="text"),
        CitationDelta(block=0, citation={"t": 1}, dialect=OWN),
        CitationDelta(block=0, citation={"t": 2}, dialect="anthropic_messages"),
        OpaqueDelta(block=0, value={"new": 1}, dialect=OWN),
        OpaqueDelta(block=0, value={"new": 1}, dialect="openai_chat"),
        BlockStop(block=0),
    ]
    frames, dropped = encoded(START, *events)
    assert frames[1:] == [delta(0, {"citation": {"t": 1}}), delta(0, {"new": 1}), stop(0)]
    assert dropped == ["citations", "opaque"]


def test_only_the_first_choice_and_what_has_a_form() -> None:
    """Each loss once."""
    frames, dropped = encoded(
        START,
        BlockStart(block=0, kind="text", choice=1),
        TextDelta(block=0, text="x"),
        LogprobsDelta(choice=0, logprobs={}),
        Finish(choice=1),
        Finish(stop_sequence="END", reason="stop_sequence"),
        StreamPing(),
        StreamEnd(),
        TextDelta(block=0, text="late"),
    )
    assert frames == [("messageStart", {"role": "assistant"}), ("messageStop", {"stopReason": "stop_sequence"})]
    assert dropped == ["choices[1]", "logprobs", "stop_sequence"]


def test_stop_reasons_fit_the_content() -> None:
    """A call that ended with "stop"; a refusal; none at all."""
    tool = encoded(START, BlockStart(block=0, kind="tool_use", id="a", name="f"), Finish(reason="stop"), StreamEnd())[0]
    assert tool[-1] == ("messageStop", {"stopReason": "tool_use"})
    refusal = encoded(START, BlockStart(block=0, kind="refusal"), TextDelta(block=0, text="no"), Finish(reason="stop"), StreamEnd())[0]
    assert refusal[1:] == [delta(0, {"text": "no"}), stop(0), ("messageStop", {"stopReason": "content_filtered"})]
    assert encoded(START, StreamEnd())[0][-1] == ("messageStop", {"stopReason": "end_turn"})


def test_a_second_start_shows_nothing() -> None:
    """Of the next target; its tier counts."""
    frames, _ = encoded(START, StreamStart(id="j", model="n", service_tier="flex"), UsageUpdate(usage=Usage()), StreamEnd())
    assert [kind for kind, _ in frames] == ["messageStart", "messageStop", "metadata"]
    assert frames[-1][1]["serviceTier"] == {"type": "flex"}


def test_a_failure_is_an_exception_frame_and_the_last() -> None:
    """No messageStop follows; nothing is sent to keep the connection alive."""
    error = ErrorInfo(status=429, message="m")
    encoder = ConverseStreamEncoder()
    assert events_of(encoder.encode(StreamFailed(error=error))) == [("throttlingException", {"message": "m"})]
    assert encoder.encode(StreamEnd()) == b""
    assert (encoder.keep_alive(), encoder.usage_chunk) == (b"", b"")


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(["text", "thinking", "a", "b"]), max_size=12), st.booleans())
def test_any_interleaving_keeps_the_state_machine(order: list[str], stops: bool) -> None:
    """One block open at a time, indices from 0, and each block whole when it is read again."""
    blocks = {name: place for place, name in enumerate(dict.fromkeys(order))}
    events: list[StreamEvent] = [START]
    for place, name in enumerate(order):
        kind: Any = name if name in ("text", "thinking") else "tool_use"
        if name not in order[:place]:
            events.append(BlockStart(block=blocks[name], kind=kind, id=name, name="f"))
        events.append(ArgumentsDelta(block=blocks[name], json="x") if kind == "tool_use" else TextDelta(block=blocks[name], text="x"))
    events += [BlockStop(block=block) for block in blocks.values()] if stops else []
    encoder = ConverseStreamEncoder()
    stream = b"".join(encoder.encode(event) for event in [*events, Finish(), StreamEnd()])
    indices = [payload["contentBlockIndex"] for kind, payload in events_of(stream) if kind.startswith("contentBlock")]
    assert indices == sorted(indices)
    accumulator = Accumulator()
    for event in decode_all(ConverseStreamDecoder(), stream):
        accumulator.add(event)
    parts = json.loads(
        json.dumps([getattr(p, "arguments", None) or getattr(p, "text", "") for c in accumulator.response().choices for p in c.content])
    )
    assert sorted(parts) == sorted("x" * order.count(name) for name in blocks)
