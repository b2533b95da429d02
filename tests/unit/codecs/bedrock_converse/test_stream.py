"""ConverseStream → canonical events."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.response import decode_response
from proxy.codecs.bedrock_converse.stream import ConverseStreamDecoder
from proxy.codecs.eventstream import encode_frame, event_frame, exception_frame
from proxy.core.events import BlockStart, BlockStop, Finish, StreamEnd, StreamEvent, StreamFailed, StreamStart, TextDelta, UsageUpdate
from proxy.core.response import ChatResponse, Usage
from tests.support.converse_samples import Event, decode_all, stream_of, wire, wire_stream

START: Event = ("messageStart", {"role": "assistant"})
STOP: Event = ("messageStop", {"stopReason": "end_turn"})
METADATA: Event = ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}})


def text(index: int, value: str) -> Event:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": value}}


def stop(index: int) -> Event:
    return "contentBlockStop", {"contentBlockIndex": index}


def events(*given: Event) -> list[StreamEvent]:
    return decode_all(ConverseStreamDecoder(), stream_of(*given))


def folded(stream: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in stream:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def test_a_plain_answer() -> None:
    """The first delta starts its block; metadata ends the stream."""
    assert events(START, text(0, "a"), text(0, "b"), stop(0), STOP, METADATA) == [
        StreamStart(id="", model=""),
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="a"),
        TextDelta(block=0, text="b"),
        BlockStop(block=0),
        Finish(reason="stop"),
        UsageUpdate(usage=Usage(input_tokens=1, output_tokens=2)),
        StreamEnd(),
    ]


@pytest.mark.parametrize("name", ["text", "tools"])
def test_a_stream_and_its_whole_answer_agree(name: str) -> None:
    """But for what only a whole answer says (metrics, trace, tier)."""
    whole = msgspec.structs.replace(decode_response(wire(f"answer_{name}.json")), extra={}, service_tier=None)
    assert folded(decode_all(ConverseStreamDecoder(), wire_stream(f"stream_{name}.json"))) == whole


@pytest.mark.parametrize("name", ["stream_text.json", "stream_tools.json"])
def test_cut_at_every_byte(name: str) -> None:
    """The same events; none after the end."""
    stream = wire_stream(name)
    whole = decode_all(ConverseStreamDecoder(), stream)
    for cut in range(len(stream) + 1):
        assert decode_all(ConverseStreamDecoder(), stream[:cut], stream[cut:]) == whole, cut
    assert decode_all(ConverseStreamDecoder(), *(stream[i : i + 1] for i in range(len(stream))), stream) == whole


def test_message_stop_is_the_evidence() -> None:
    """Contract B: at every length, the end is whole iff messageStop was; without metadata the usage is missing."""
    stream = wire_stream("stream_text.json")
    evidence = len(stream_of(*((kind, payload) for kind, payload in json.loads(wire("stream_text.json"))[:-1])))
    for length in range(len(stream) + 1):
        got = decode_all(ConverseStreamDecoder(), stream[:length])
        assert (StreamEnd() in got) == (length >= evidence), length
        assert any(isinstance(event, UsageUpdate) for event in got) == (length == len(stream))
    decoder = ConverseStreamDecoder()
    assert StreamEnd() not in decoder.feed(stream[:evidence])
    assert decoder.close() == [StreamEnd()]
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("kind", "status"), [("throttlingException", 429), ("modelStreamErrorException", 424), ("internalServerException", 500)]
)
def test_an_exception_frame_is_the_failure(kind: str, status: int) -> None:
    """Nothing follows it."""
    stream = wire_stream("stream_error.json") + exception_frame(kind, b'{"message":"m"}') + stream_of(STOP, METADATA)
    *_, last = decode_all(ConverseStreamDecoder(), stream)
    assert isinstance(last, StreamFailed)
    assert (last.error.status, last.error.message) == (status, "m")


def test_an_exception_after_the_stop_is_one_too() -> None:
    """Between messageStop and metadata."""
    *_, last = decode_all(ConverseStreamDecoder(), stream_of(START, STOP) + exception_frame("internalServerException", b"{}"))
    assert isinstance(last, StreamFailed)


def test_unknown_events_are_ignored_and_open_blocks_closed() -> None:
    """So is the stop of a block that showed nothing; usage may come early; an answer may be empty."""
    assert events(START, ("new", {}), METADATA, stop(7), text(0, "a"), STOP)[-3:] == [
        BlockStop(block=0),
        Finish(reason="stop"),
        StreamEnd(),
    ]
    raw = event_frame("messageStart", b'{"role":"assistant"}') + encode_frame({}, b"not JSON") + stream_of(STOP)
    assert decode_all(ConverseStreamDecoder(), raw)[-1] == StreamEnd()
    assert events(START, STOP) == [StreamStart(id="", model=""), Finish(reason="stop"), StreamEnd()]
    assert events(START, STOP, ("metadata", {}))[-1] == StreamEnd()


def test_blocks_count_from_zero_whatever_their_indices() -> None:
    """And an index may come again once it has stopped."""
    starts = [event for event in events(START, text(4, "a"), stop(4), text(4, "b"), stop(4), STOP) if isinstance(event, BlockStart)]
    assert [event.block for event in starts] == [0, 1]


@pytest.mark.parametrize(
    "given",
    [
        [text(0, "a")],
        [START, START],
        [START, STOP, text(0, "a")],
        [START, ("contentBlockDelta", {"delta": {"text": "a"}})],
        [START, ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {}})],
        [START, ("contentBlockDelta", {"contentBlockIndex": 0})],
        [START, ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 1}})],
        [START, ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": []}})],
        [START, text(0, "a"), ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "i", "name": "f"}}})],
        [START, ("messageStop", {})],
        [START, STOP, ("metadata", {"usage": {"inputTokens": "x"}})],
    ],
)
def test_what_breaks_the_schema_is_refused(given: list[Event]) -> None:
    """InvalidBody."""
    with pytest.raises(InvalidBody):
        events(*given)


def test_payloads_that_are_no_objects_are_refused() -> None:
    """Of known events."""
    for payload in (b"", b"[]", b"{"):
        with pytest.raises(InvalidBody):
            ConverseStreamDecoder().feed(event_frame("messageStart", payload))


def test_what_is_gathered_has_a_cap() -> None:
    """Blocks that are shown whole at their stop."""
    decoder = ConverseStreamDecoder()
    piece = stream_of(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "AAAA" * 100_000}}}))
    decoder.feed(stream_of(START))
    with pytest.raises(InvalidBody, match="exceed 4194304 bytes"):
        for _ in range(12):
            decoder.feed(piece)


PAYLOAD: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "contentBlockIndex": st.integers(0, 2) | st.none(),
        "start": st.sampled_from(
            [{"toolUse": {"toolUseId": "i", "name": "f"}}, {"image": {"format": "png"}}, {}, {"toolUse": {"type": []}}, 1]
        ),
        "delta": st.sampled_from(
            [{"text": "a"}, {"toolUse": {"input": "{}"}}, {"reasoningContent": {"text": "a"}}, {"image": {"source": {}}}, {}, 1]
        ),
        "stopReason": st.sampled_from(["end_turn", "new", 1]),
        "usage": st.sampled_from([{"inputTokens": 1}, {"inputTokens": -1}, []]),
    },
)
KINDS = st.sampled_from(
    ["contentBlockStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "new"]
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.tuples(KINDS, PAYLOAD), max_size=8), st.binary(max_size=30))
def test_any_stream_keeps_the_order_of_events_or_is_refused(given: list[Event], rubbish: bytes) -> None:
    """Starts before deltas before stops, indices from 0, one end, which is last."""
    decoder = ConverseStreamDecoder()
    got: list[StreamEvent] = []
    try:
        got += decoder.feed(stream_of(START, *given))
        got += decoder.feed(rubbish)
        got += decoder.close()
    except InvalidBody:
        pass
    opened: set[int] = set()
    for place, event in enumerate(got):
        block = getattr(event, "block", None)
        if isinstance(event, BlockStart):
            assert event.block == sum(isinstance(earlier, BlockStart) for earlier in got[:place])
            opened.add(event.block)
        elif isinstance(event, BlockStop):
            opened.remove(event.block)
        elif block is not None:
            assert block in opened
        elif isinstance(event, StreamEnd | StreamFailed):
            assert place == len(got) - 1
