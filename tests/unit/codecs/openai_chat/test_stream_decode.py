"""Upstream chunks → canonical events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.sse import sse_event
from proxy.core.events import (
    BlockStart,
    BlockStop,
    Finish,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RefusalPart, TextPart, ToolUsePart
from proxy.core.response import ChatResponse
from tests.support.openai_samples import STREAMS, cut, decode_all, sample

CODEC = OpenAIChatCodec()


def events(*chunks: Any) -> list[StreamEvent]:
    """Of a stream of these chunk objects (bytes as they are)."""
    return decode_all(CODEC.stream_decoder(), *[c if isinstance(c, bytes) else sse_event(json.dumps(c).encode()) for c in chunks])


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "r", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def answer(name: str) -> ChatResponse:
    accumulator = Accumulator()
    for event in decode_all(CODEC.stream_decoder(), sample(name)):
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


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
    assert found[0] == StreamStart(
        id="chatcmpl-7Qh2mXw4",
        model="gpt-4o-mini-2024-07-18",
        created=1795380000,
        service_tier="default",
        extra={"system_fingerprint": "fp_51db84afab"},
    )
    assert answer("stream_text.sse").choices[0].content == (TextPart(text="Grüß dich, Welt 🌍"),)


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_byte(name: str) -> None:
    """Two chunks cut anywhere give the same events."""
    stream = sample(name)
    whole = decode_all(CODEC.stream_decoder(), stream)
    for place in range(1, len(stream)):
        assert decode_all(CODEC.stream_decoder(), *cut(stream, place)) == whole, place


@given(st.sampled_from(STREAMS), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 4000), max_size=12))
def test_cut_in_many_places(name: str, line_end: bytes, places: list[int]) -> None:
    """Whatever ends the lines."""
    stream = sample(name).replace(b"\n", line_end)
    assert decode_all(CODEC.stream_decoder(), *cut(stream, *places)) == decode_all(CODEC.stream_decoder(), sample(name))


def test_choices_stay_apart() -> None:
    """Each has its blocks and its finish."""
    first, second = answer("stream_choices.sse").choices
    assert (first.content, first.finish) == ((TextPart(text="Heads."),), "stop")
    assert (second.content, second.finish) == ((TextPart(text="Tails"),), "length")


def test_logprobs_and_annotations() -> None:
    """Token lists grow, annotations go to the text."""
    choice = answer("stream_logprobs.sse").choices[0]
    assert choice.logprobs is not None
    assert [item["token"] for item in choice.logprobs["content"]] == ["Yes", "!"]
    assert isinstance(choice.content[0], TextPart)
    assert choice.content[0].citations[0]["url_citation"]["title"] == "T"


def test_refusal_stream() -> None:
    """A block of its own kind."""
    assert answer("stream_refusal.sse").choices[0].content == (RefusalPart(text="I can't help with that."),)


def test_spoken_answer() -> None:
    """Its expiry comes after finish_reason and still belongs to it."""
    assert answer("stream_audio.sse").choices[0].content == (
        OpaquePart(
            dialect="openai_chat",
            value={"type": "audio", "audio": {"id": "audio_5f", "transcript": "Good day", "data": "UklGRgAA", "expires_at": 1795383600}},
        ),
    )


def test_custom_call() -> None:
    """Opaque, with its input put together."""
    choice = answer("stream_custom.sse").choices[0]
    assert choice.content == (
        OpaquePart(dialect="openai_chat", value={"id": "call_Cu1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}),
    )
    assert choice.finish == "tool_calls"


def test_legacy_call() -> None:
    """A tool call with an invented id."""
    choice = answer("stream_function.sse").choices[0]
    assert isinstance(choice.content[0], ToolUsePart)
    assert (choice.content[0].name, choice.content[0].arguments, choice.finish) == ("weather", '{"city":"Bern"}', "tool_calls")


def test_liberties_of_compatible_servers() -> None:
    """No id, calls without index or id, content as parts, hidden output in total_tokens, an early chunk without choices."""
    response = answer("stream_liberties.sse")
    text, one, two = response.choices[0].content
    assert text == TextPart(text="On it.")
    assert isinstance(one, ToolUsePart)
    assert isinstance(two, ToolUsePart)
    assert [(call.name, call.arguments) for call in (one, two)] == [("one", '{"a":1}'), ("two", '{"b":2}')]
    assert one.id != two.id
    assert (response.id, response.choices[0].finish) == ("", "tool_calls")
    assert response.extra == {"prompt_filter_results": [{"prompt_index": 0}]}
    assert response.usage is not None
    assert (response.usage.output_tokens, response.usage.incomplete) == (18, True)


def test_in_band_error_ends_the_stream() -> None:
    """Nothing follows it."""
    found = decode_all(
        CODEC.stream_decoder(), sample("stream_error.sse"), b"data: [DONE]\n\n", sse_event(json.dumps(delta("stop")).encode())
    )
    assert isinstance(found[-1], StreamFailed)
    assert found[-1].error.type == "server_error"


@pytest.mark.parametrize(
    "last",
    [
        b'event: error\ndata: {"message":"m","code":429}\n\n',
        b'data: {"object":"error","message":"m","code":429}\n\n',
        b'data: {"id":"r","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":429,"message":"m"}}\n\n',
    ],
)
def test_errors_of_compatible_servers(last: bytes) -> None:
    """Named by the event, the object, or beside a choice."""
    found = events(delta(content="a"), last)
    assert isinstance(found[-1], StreamFailed)
    assert (found[-1].error.status, found[-1].error.message) == (429, "m")


def test_what_follows_done_is_ignored() -> None:
    """Even when it is no JSON; so is what comes after the end of the body."""
    decoder = CODEC.stream_decoder()
    stream = sse_event(json.dumps(delta("stop", content="a")).encode()) + b"data: [DONE]\n\ndata: nonsense\n\n"
    assert isinstance(decoder.feed(stream)[-1], StreamEnd)
    assert decoder.feed(b"data: more nonsense\n\n") == []
    assert decoder.close() == []


def test_empty_events_are_pings() -> None:
    """They say nothing."""
    assert events(b"data: \n\n", b": c\n\n") == []


def test_thinking_then_text() -> None:
    """Blocks do not overlap; the second spelling of the same thought is not repeated."""
    found = events(delta(reasoning="r", reasoning_content="r"), delta(reasoning="s"), delta(content="a"), delta("stop"))
    assert found[1:-1] == [
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="r"),
        TextDelta(block=0, text="s"),
        BlockStop(block=0),
        BlockStart(block=1, kind="text"),
        TextDelta(block=1, text="a"),
        BlockStop(block=1),
        Finish(reason="stop"),
    ]


def test_usage_on_every_chunk() -> None:
    """Each is an update; the last one holds."""
    found = events({**delta("stop", content="a"), "usage": {"prompt_tokens": 1}}, {"choices": [], "usage": {"prompt_tokens": 2}})
    assert [event.usage.input_tokens for event in found if isinstance(event, UsageUpdate)] == [1, 2]


def test_stop_string_of_vllm() -> None:
    """`stop_reason` beside finish_reason names the sequence."""
    chunk = delta("stop", content="a")
    chunk["choices"][0]["stop_reason"] = "END"
    assert Finish(reason="stop_sequence", stop_sequence="END") in events(chunk)


@pytest.mark.parametrize(
    "chunk",
    [
        b"data: {\n\n",
        b"data: \xff\n\n",
        b"data: 5\n\n",
        b'data: {"choices":{}}\n\n',
        b'data: {"choices":[1]}\n\n',
        b'data: {"choices":[{"index":-1}]}\n\n',
        b'data: {"choices":[{"delta":[]}]}\n\n',
        b'data: {"choices":[{"delta":{"content":5}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[1]}}]}\n\n',
        b'data: {"choices":[{"finish_reason":1}]}\n\n',
        b'data: {"id":5,"choices":[{}]}\n\n',
    ],
)
def test_chunks_that_break_the_schema(chunk: bytes) -> None:
    """They are refused, not guessed at."""
    with pytest.raises(InvalidBody):
        CODEC.stream_decoder().feed(chunk)


def test_content_after_finish_is_refused() -> None:
    """An empty delta is not."""
    assert events(delta("stop", content="a"), delta(content=""), delta("stop"))[-1] == StreamEnd()
    for more in (delta(content="b"), delta(tool_calls=[{"id": "c", "function": {"name": "f"}}])):
        with pytest.raises(InvalidBody, match="after its finish_reason"):
            events(delta("stop", content="a"), more)
