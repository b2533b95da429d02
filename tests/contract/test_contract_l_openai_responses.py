"""Contract L, translation, for the `openai_responses` codec: the event state machine of both stream directions, ids, arguments, statuses,
parallel calls, reports. Whole cross-dialect exchanges are in tests/integration."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Finish,
    StreamEnd,
    StreamEvent,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import Message, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest
from proxy.core.response import Usage
from tests.support.responses_samples import WHOLE_STREAMS, decode_all, events_of, folded, read_by_sdk, sample, sample_json

CODEC = OpenAIResponsesCodec()


def assert_well_formed(events: list[StreamEvent]) -> None:
    """The order that proxy/core/events.py promises."""
    assert isinstance(events[0], StreamStart)
    assert isinstance(events[-1], StreamEnd)
    assert sum(isinstance(event, StreamStart | StreamEnd) for event in events) == 2
    started = 0
    open_blocks: dict[int, BlockStart] = {}
    for event in events:
        if isinstance(event, BlockStart):
            assert event.block == started
            assert all("opaque" in (block.kind, event.kind) or block.kind == event.kind == "tool_use" for block in open_blocks.values())
            started += 1
            open_blocks[event.block] = event
        elif isinstance(event, BlockStop):
            del open_blocks[event.block]
        elif isinstance(event, TextDelta | ArgumentsDelta):
            assert event.block in open_blocks
        elif isinstance(event, Finish):
            assert open_blocks == {}
    assert open_blocks == {}
    assert sum(isinstance(event, Finish) for event in events) == 1


def assert_well_numbered(stream: bytes) -> None:
    """Sequence numbers without gap, output indices in order, one added and one done an item, deltas only between them."""
    events = events_of(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    items: dict[int, str] = {}
    done: set[int] = set()
    parts: dict[tuple[int, int], bool] = {}
    for event in events:
        index: Any = event.get("output_index")
        if event["type"] == "response.output_item.added":
            assert index == len(items)
            items[index] = event["item"].get("id")
        elif event["type"] == "response.output_item.done":
            assert event["item"].get("id") == items[index]
            done.add(index)
        elif index is not None:
            assert index in items
            assert index not in done
            assert event["item_id"] == items[index]
            if "content_index" in event:
                key = (index, event["content_index"])
                assert event["type"] == "response.content_part.added" or parts[key]
                parts[key] = event["type"] != "response.content_part.done"
    assert done == set(items)
    assert not any(parts.values())
    assert len(set(items.values())) == len(items)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_one_start_and_one_stop_a_block(name: str) -> None:
    """Unique indices in order; only calls overlap; one finish, after the blocks."""
    assert_well_formed(decode_all(CODEC.stream_decoder(), sample(name)))


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_streams_to_clients_are_well_numbered(name: str) -> None:
    """As OpenAI's own are."""
    encoder = CODEC.stream_encoder()
    assert_well_numbered(b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample(name))))


BLOCKS = st.lists(
    st.tuples(st.sampled_from(["text", "thinking", "refusal", "tool_use"]), st.lists(st.sampled_from(["", "a", "é\n"]), max_size=3)),
    max_size=6,
)


@settings(deadline=None)  # the SDK builds its types at the first event
@given(BLOCKS, st.sampled_from(["stop", "length", "tool_calls"]), st.integers(0, 3))
def test_any_blocks_make_a_stream_that_the_sdk_reads(blocks: list[tuple[str, list[str]]], finish: Any, overlap: int) -> None:
    """Texts, thinking, refusals and calls in any order, calls side by side: numbers, ids and arguments are right, and what comes back is
    what went in, empty texts apart."""
    events: list[StreamEvent] = [StreamStart(id="r", model="m")]
    waiting: list[int] = []
    for number, (kind, pieces) in enumerate(blocks):
        call = kind == "tool_use"
        if not call or len(waiting) > overlap:
            events += [BlockStop(block=block) for block in waiting]
            waiting = []
        events.append(BlockStart(block=number, kind=kind, id=f"c{number}" if call else None, name="f" if call else None))  # type: ignore[arg-type]
        for piece in pieces:
            delta = json.dumps(piece) if call else piece
            events.append(ArgumentsDelta(block=number, json=delta) if call else TextDelta(block=number, text=delta))
        if call:
            waiting.append(number)
        else:
            events.append(BlockStop(block=number))
    events += [BlockStop(block=block) for block in waiting]
    events += [Finish(reason=finish), UsageUpdate(usage=Usage(input_tokens=1, output_tokens=1)), StreamEnd()]
    encoder = CODEC.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in events)
    assert_well_numbered(stream)
    assert read_by_sdk(stream) is not None
    assert_well_formed(decode_all(CODEC.stream_decoder(), stream))
    back = folded(decode_all(CODEC.stream_decoder(), stream)).choices[0].content
    shown = [(kind, pieces) for kind, pieces in blocks if kind == "tool_use" or "".join(pieces)]
    assert [getattr(part, "text", None) for part in back] == [None if kind == "tool_use" else "".join(pieces) for kind, pieces in shown]
    assert [part.arguments for part in back if isinstance(part, ToolUsePart)] == [
        "".join(map(json.dumps, pieces)) or "{}" for kind, pieces in shown if kind == "tool_use"
    ]


KINDS = st.sampled_from(
    [
        ("response.output_item.added", {"item": {"type": "message"}}),
        ("response.output_item.added", {"item": {"type": "function_call", "call_id": "c", "name": "f"}}),
        ("response.output_item.added", {"item": {"type": "reasoning", "summary": []}}),
        ("response.output_item.added", {"item": {"type": "web_search_call", "id": "w"}}),
        ("response.content_part.added", {"part": {"type": "output_text", "text": ""}}),
        ("response.output_text.delta", {"delta": "a"}),
        ("response.output_text.done", {"text": "a"}),
        ("response.refusal.delta", {"delta": "no"}),
        ("response.reasoning_summary_text.delta", {"delta": "t", "summary_index": 0}),
        ("response.reasoning_text.done", {"text": "t"}),
        ("response.web_search_call.searching", {}),
        ("response.content_part.done", {"part": {"type": "output_text", "text": "a"}}),
        ("response.output_item.done", {"item": {"type": "message", "content": [{"type": "output_text", "text": "a"}]}}),
        ("response.output_item.done", {"item": {"type": "web_search_call", "id": "w"}}),
    ]
)


@given(st.lists(st.tuples(KINDS, st.integers(0, 2)), max_size=14))
def test_any_order_of_events_is_well_formed_or_refused(given_events: list[tuple[tuple[str, dict[str, Any]], int]]) -> None:
    """Whatever a server sends: the canonical order holds, or the stream is refused as a whole."""
    stream = b'data: {"type":"response.created","response":{"id":"r","model":"m"}}\n\n'
    for (kind, fields), index in given_events:
        stream += b"data: " + json.dumps({"type": kind, "output_index": index, **fields}).encode() + b"\n\n"
    stream += b'data: {"type":"response.completed","response":{"id":"r","model":"m"}}\n\n'
    try:
        events = decode_all(CODEC.stream_decoder(), stream)
    except InvalidBody:
        return
    assert_well_formed(events)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_the_sdk_s_streaming_helper_ends_with_the_answer(name: str) -> None:
    """`client.responses.stream`, over HTTP as it would be served."""
    encoder = CODEC.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample(name)))
    headers = {"content-type": CODEC.stream_type.decode()}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=stream))
    with OpenAI(api_key="k", base_url="http://edge/v1", http_client=httpx2.Client(transport=transport)) as client:
        if name == "stream_incomplete.sse":  # the helper only ends well with `response.completed`
            assert list(client.responses.create(model="m", input="hi", stream=True))[-1].type == "response.incomplete"
            return
        with client.responses.stream(model="m", input="hi") as helper:
            final = helper.until_done().get_final_response()
    assert [getattr(item, "id", None) for item in final.output] == [item["id"] for item in events_of(stream)[-1]["response"]["output"]]


def test_parallel_calls_stay_apart() -> None:
    """L25836: arguments that interleave go to their own calls; ids and order survive; a call without any has an empty object."""
    encoder = CODEC.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample("stream_tools.sse")))
    final = read_by_sdk(stream)
    assert final is not None
    assert [(item.call_id, json.loads(item.arguments)) for item in final.output if item.type == "function_call"] == [
        ("call_Lx01", {"lake": "Zürich"}),
        ("call_Lx02", {"lake": "Genève"}),
        ("call_Lx03", {}),
    ]


def test_same_dialect_is_equal_as_json() -> None:
    """Unknown fields included (L37273)."""
    body = sample_json("request_full.json")
    assert CODEC.encode_request(CODEC.decode_request(body, {})).body == body


TEXTS = st.sampled_from(["", "a", "é\n"])
PARTS = st.one_of(
    st.builds(lambda text: {"type": "input_text", "text": text}, TEXTS),
    st.builds(lambda text: {"type": "refusal", "refusal": text}, TEXTS),
    st.builds(lambda text: {"type": "output_text", "text": text, "annotations": [], "logprobs": []}, TEXTS),
    st.just({"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "low"}),
    st.just({"type": "input_file", "file_url": "https://e.com/a", "novel": 1}),
    st.just({"type": "novel", "x": [1]}),
)
ITEMS = st.one_of(
    st.builds(
        lambda role, content, more: {"role": role, "content": content, **more},
        st.sampled_from(["user", "assistant", "system", "developer"]),
        st.one_of(TEXTS, st.lists(PARTS, max_size=3)),
        st.sampled_from([{}, {"type": "message"}, {"id": "msg_1", "status": "completed", "type": "message"}, {"phase": "commentary"}]),
    ),
    st.builds(lambda text: {"type": "function_call", "call_id": "c", "name": "f", "arguments": text, "id": "fc_1"}, TEXTS),
    st.builds(
        lambda output: {"type": "function_call_output", "call_id": "c", "output": output},
        st.one_of(TEXTS, st.lists(st.builds(lambda text: {"type": "input_text", "text": text}, TEXTS), max_size=2)),
    ),
    st.builds(
        lambda texts, more: {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in texts], **more},
        st.lists(TEXTS, max_size=3),
        st.sampled_from([{"id": "rs_1"}, {}, {"id": "rs_1", "encrypted_content": "e:/"}, {"id": "rs_1", "status": "x", "content": []}]),
    ),
    st.sampled_from([{"type": "item_reference", "id": "m"}, {"type": "web_search_call", "id": "w", "status": "completed"}, {"id": "m"}]),
)


@given(st.one_of(TEXTS, st.lists(ITEMS, max_size=5)), st.one_of(st.none(), TEXTS))
def test_any_request_comes_back(items: Any, instructions: str | None) -> None:
    """Decoded and encoded: equal as JSON, nothing reported."""
    body = {"model": "m", "input": items, **({} if instructions is None else {"instructions": instructions})}
    encoded = CODEC.encode_request(CODEC.decode_request(json.loads(json.dumps(body)), {}))
    assert encoded.body == body
    assert encoded.dropped == ()


def test_what_could_not_be_carried_is_reported() -> None:
    """L39796: of an Anthropic client's request, by its own paths."""
    request = ChatRequest(
        dialect="anthropic_messages",
        model="m",
        top_k=5,
        stop=("a",),
        paths={"stop": "stop_sequences"},
        extra={"container": "c"},
        messages=(
            Message(role="user", content=(TextPart(text="hi"),), path="messages[0]"),
            Message(role="user", content=(ToolResultPart(tool_use_id="t", is_error=True),), path="messages[1]"),
        ),
    )
    assert set(CODEC.encode_request(request).dropped) == {"top_k", "stop_sequences", "container", "messages[1].content[0].is_error"}
