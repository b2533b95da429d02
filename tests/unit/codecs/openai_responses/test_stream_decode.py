"""Upstream events → canonical events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.sse import sse_event
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RedactedThinkingPart, RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Usage
from tests.support.openai_samples import cut
from tests.support.responses_samples import STREAMS, WHOLE_STREAMS, decode_all, events_of, folded, sample

CODEC = OpenAIResponsesCodec()
CREATED = {"type": "response.created", "response": {"id": "r", "model": "m", "output": []}}
DONE = {"type": "response.completed", "response": {"id": "r", "model": "m", "output": []}}


def events(*given_events: dict[str, Any]) -> list[StreamEvent]:
    """Of a stream of these events, begun and ended."""
    stream = b"".join(sse_event(json.dumps(event).encode()) for event in (CREATED, *given_events, DONE))
    return decode_all(CODEC.stream_decoder(), stream)


def answer(name: str) -> ChatResponse:
    return folded(decode_all(CODEC.stream_decoder(), sample(name)))


def added(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def test_text_stream() -> None:
    """Start, block, deltas, stop, finish, usage, end."""
    found = decode_all(CODEC.stream_decoder(), sample("stream_text.sse"))
    assert [type(event).__name__ for event in found] == [
        "StreamStart",
        "BlockStart",
        "TextDelta",
        "TextDelta",
        "TextDelta",
        "BlockStop",
        "Finish",
        "UsageUpdate",
        "StreamEnd",
    ]
    start = found[0]
    assert isinstance(start, StreamStart)
    assert (start.id, start.model, start.created, start.service_tier) == ("resp_7Qh2", "gpt-5-mini-2025-08-07", 1795380000, "auto")
    assert answer("stream_text.sse").choices[0].content == (TextPart(text="Grüß dich, Welt 🌍"),)


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_byte(name: str) -> None:
    """Two chunks cut anywhere give the same events."""
    stream = sample(name)
    whole = decode_all(CODEC.stream_decoder(), stream)
    for place in range(1, len(stream)):
        assert decode_all(CODEC.stream_decoder(), *cut(stream, place)) == whole, place


@given(st.sampled_from(STREAMS), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 6000), max_size=12))
def test_cut_in_many_places(name: str, line_end: bytes, places: list[int]) -> None:
    """Whatever ends the lines."""
    stream = sample(name).replace(b"\n", line_end)
    assert decode_all(CODEC.stream_decoder(), *cut(stream, *places)) == decode_all(CODEC.stream_decoder(), sample(name))


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_agrees_with_the_whole_answer(name: str) -> None:
    """Which the last event holds."""
    stream = answer(name)
    whole = CODEC.decode_response(json.dumps(events_of(sample(name))[-1]["response"]).encode())
    assert stream.choices[0].content == whole.choices[0].content
    assert (stream.choices[0].finish, stream.choices[0].logprobs, stream.usage) == (
        whole.choices[0].finish,
        whole.choices[0].logprobs,
        whole.usage,
    )


def test_parallel_calls() -> None:
    """Their arguments interleave; one without any is streamed none."""
    found = decode_all(CODEC.stream_decoder(), sample("stream_tools.sse"))
    order = [event.block for event in found if isinstance(event, ArgumentsDelta)]
    assert order == [2, 3, 2, 3, 4]
    assert answer("stream_tools.sse").choices[0].finish == "tool_calls"


def test_built_in_calls_go_by() -> None:
    """With their events; their last one holds the item."""
    found = decode_all(CODEC.stream_decoder(), sample("stream_builtin.sse"))
    kinds = [event.value["type"] for event in found if isinstance(event, OpaqueDelta) and event.block == 0]
    assert kinds == [
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
        "response.output_item.done",
    ]
    assert sum(isinstance(event, CitationDelta) for event in found) == 1


def test_refusal_and_logprobs() -> None:
    """A block of its own; tokens with their text."""
    assert answer("stream_refusal.sse").choices[0].content == (TextPart(text="Well. "), RefusalPart(text="I can't help with that."))
    assert sum(isinstance(e, LogprobsDelta) for e in decode_all(CODEC.stream_decoder(), sample("stream_logprobs.sse"))) == 2


def test_liberties() -> None:
    """No sequence numbers, no added events, whole texts in done, a ping."""
    found = decode_all(CODEC.stream_decoder(), sample("stream_liberties.sse"))
    assert StreamPing() in found
    assert answer("stream_liberties.sse").choices[0].content == (
        ThinkingPart(text="Hm.", signature="openai_responses:summary:rs_5f:"),
        TextPart(text="Hi"),
        ToolUsePart(id="call_Lx01", name="now", arguments='{"tz":1}'),
    )


@pytest.mark.parametrize(
    ("name", "code", "status"), [("stream_failed.sse", "rate_limit_exceeded", 429), ("stream_error.sse", "server_error", 502)]
)
def test_failures(name: str, code: str, status: int) -> None:
    """End the stream without its end."""
    last = decode_all(CODEC.stream_decoder(), sample(name))[-1]
    assert isinstance(last, StreamFailed)
    assert (last.error.code, last.error.status) == (code, status)


def test_only_the_terminal_event_has_items() -> None:
    """Then it is read."""
    item = {
        "type": "message",
        "id": "x",
        "content": [{"type": "output_text", "text": "a", "annotations": [{"type": "n"}], "logprobs": [{"token": "a"}]}],
    }
    end = {"type": "response.completed", "response": {"id": "r", "model": "m", "output": [item]}}
    stream = sse_event(json.dumps(end).encode())
    response = folded(decode_all(CODEC.stream_decoder(), stream))
    (choice,) = response.choices
    assert choice.content == (TextPart(text="a", citations=({"type": "n"},), citations_dialect="openai_responses"),)
    assert choice.logprobs == {"content": [{"token": "a"}], "refusal": None}


def nameless(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "output_index"}


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_items_without_an_index(name: str) -> None:
    """Ids tell them apart: the same events come out."""
    stream = [json.loads(line[6:]) for line in sample(name).decode().splitlines() if line.startswith("data: {")]
    stripped = b"".join(sse_event(json.dumps(nameless(event)).encode(), event["type"].encode()) for event in stream)
    assert decode_all(CODEC.stream_decoder(), stripped) == decode_all(CODEC.stream_decoder(), sample(name))


def test_calls_without_an_index_are_known_by_their_call() -> None:
    """Parallel ones, whose deltas name the call, and whose items have no id of their own."""
    calls = [{"type": "function_call", "call_id": name, "name": "f"} for name in ("fc_a", "fc_b")]
    found = events(
        *(nameless(added(0, **call)) for call in calls),
        {"type": "response.function_call_arguments.delta", "item_id": "fc_a", "delta": "{}"},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_b", "delta": "[]"},
        *(nameless(done(0, **call, arguments=given)) for call, given in zip(calls, ("{}", "[]"), strict=True)),
    )
    assert [(event.block, event.json) for event in found if isinstance(event, ArgumentsDelta)] == [(0, "{}"), (1, "[]")]
    assert [event.id for event in found if isinstance(event, BlockStart)] == ["fc_a", "fc_b"]


def test_a_message_without_any_name_is_the_latest() -> None:
    """Begun, told and done; a second one is new, and so is an item of another kind."""
    text = {"type": "message", "content": [{"type": "output_text", "text": "ab"}]}
    found = events(
        nameless(added(0, type="message")),
        {"type": "response.output_text.delta", "item_id": 5, "delta": "a"},
        nameless(done(0, **text)),
        nameless(done(0, type="reasoning", summary=[{"type": "summary_text", "text": "t"}])),
        nameless(done(0, type="message", id="msg_2", content=[{"type": "output_text", "text": "c"}])),
    )
    assert [event.kind for event in found if isinstance(event, BlockStart)] == ["text", "thinking", "text"]
    assert [event.text for event in found if isinstance(event, TextDelta)] == ["a", "t", "c"]


def test_type_in_the_event_name_only() -> None:
    """Some servers leave it out of the data."""
    data = json.dumps({"response": {"id": "r", "model": "m", "output": []}}).encode()
    found = decode_all(CODEC.stream_decoder(), sse_event(data, b"response.incomplete"))
    assert [type(event) for event in found] == [StreamStart, Finish, StreamEnd]
    assert found[1] == Finish(reason="other")


def test_redacted_thinking_comes_back() -> None:
    """What this gateway wrote for another provider's, should a gateway be the upstream."""
    found = events(done(0, type="reasoning", id="rs_edge_1", summary=[], encrypted_content="llm-edge:red:d"))
    assert BlockStart(block=0, kind="redacted_thinking", part=RedactedThinkingPart(data="d")) in found


def test_unknown_parts_and_items() -> None:
    """Stay this dialect's own; unknown events say nothing."""
    found = events(
        done(0, type="message", content=[{"type": "novel"}]),
        done(1, type="novel_call", id="n"),
        {"type": "response.novel", "output_index": 1},
        {"type": "response.novel"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "not a message"},
        {"type": "response.reasoning_text.delta", "output_index": 1, "delta": "not reasoning"},
    )
    parts = [event.part for event in found if isinstance(event, BlockStart)]
    assert parts == [
        OpaquePart(dialect="openai_responses", value={"type": "novel"}),
        OpaquePart(dialect="openai_responses", value={"type": "novel_call", "id": "n"}),
    ]


def test_a_part_that_goes_on_late() -> None:
    """Text after another item has begun is a block of its own."""
    found = events(
        added(0, type="message"),
        {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
        added(1, type="function_call", call_id="c", name="f"),
        {"type": "response.output_text.delta", "output_index": 0, "delta": "b"},
    )
    assert [event.text for event in found if isinstance(event, TextDelta)] == ["a", "b"]
    assert [event.kind for event in found if isinstance(event, BlockStart)] == ["text", "tool_use", "text"]


def test_after_the_end_nothing_counts() -> None:
    """Nor does `[DONE]`."""
    decoder = CODEC.stream_decoder()
    assert isinstance(decoder.feed(sample("stream_text.sse"))[-1], StreamEnd)
    assert decoder.feed(sample("stream_text.sse")) == []
    assert decoder.feed(b"data: [DONE]\n\n") == []
    assert decoder.close() == []


def test_usage_of_the_last_event() -> None:
    """Cached and written tokens apart."""
    found = decode_all(CODEC.stream_decoder(), sample("stream_tools.sse"))
    assert [event.usage for event in found if isinstance(event, UsageUpdate)] == [
        Usage(input_tokens=25, cache_read_tokens=10, cache_write_tokens=5, output_tokens=30, reasoning_tokens=12)
    ]


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ({}, "type"),
        ({"type": 5}, "type"),
        ({"type": "response.created"}, "response"),
        (added(0), "item.type"),
        (added(0, type="function_call", name="f"), "item.call_id"),
        (added(-1, type="message"), "output_index"),
        ({"type": "response.output_text.delta", "output_index": 0}, "delta"),
        ({"type": "response.output_text.delta", "delta": 5}, "delta"),
        ({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": ""}, "output_index"),
        ({"type": "response.refusal.done"}, "refusal"),
        ({"type": "response.content_part.done"}, "part"),
        ({"type": "response.output_text.annotation.added"}, "annotation"),
        ({"type": "response.reasoning_summary_text.done", "summary_index": 0}, "text"),
        (done(0, type="reasoning", summary=[{}]), "item.summary[0].text"),
    ],
)
def test_broken_events(broken: dict[str, Any], path: str) -> None:
    """Named by their field."""
    with pytest.raises(InvalidBody) as caught:
        events(broken)
    assert caught.value.path == path


def test_broken_sequences() -> None:
    """An index used twice, arguments of a call that is over."""
    call = added(0, type="function_call", call_id="c", name="f")
    with pytest.raises(InvalidBody, match="begins twice"):
        events(call, call)
    with pytest.raises(InvalidBody, match="is over"):
        events(
            call,
            done(0, type="function_call", call_id="c", name="f", arguments="{}"),
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "x"},
        )


@pytest.mark.parametrize("raw", [b"data: {\n\n", b"data: 5\n\n", b"data: \xff\n\n", b"data: " + b"[" * 100_000 + b"\n\n"])
def test_no_json(raw: bytes) -> None:
    """Is no event."""
    with pytest.raises(InvalidBody):
        CODEC.stream_decoder().feed(raw)


@given(st.binary(max_size=200))
def test_random_bytes(raw: bytes) -> None:
    """Never trip it but by InvalidBody."""
    for stream in (raw, b"data: " + raw + b"\n\n"):
        decoder = CODEC.stream_decoder()
        try:
            decoder.feed(stream)
        except InvalidBody:
            continue
        assert not any(isinstance(event, StreamEnd) for event in decoder.close())


def test_buffers_are_bounded() -> None:
    """An event without end is refused."""
    decoder = CODEC.stream_decoder()
    with pytest.raises(InvalidBody, match="exceeds"):
        for _ in range(6):
            decoder.feed(b"data: " + b"x" * 1_000_000)
