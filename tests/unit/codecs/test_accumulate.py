"""Between a stream's events and a whole answer."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator, response_to_events
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
)
from proxy.core.messages import (
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage

TEXT = st.text(max_size=20)
OBJECT = st.dictionaries(st.sampled_from("abc"), st.integers() | TEXT, max_size=2)


def text_part(text: str, citations: list[dict[str, Any]]) -> TextPart:
    return TextPart(text=text, citations=tuple(citations), citations_dialect="d" if citations else None)


PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(text_part, TEXT, st.lists(OBJECT, max_size=2)),
    st.builds(ThinkingPart, text=TEXT, signature=st.none() | st.text(min_size=1, max_size=5)),
    st.builds(RefusalPart, text=TEXT),
    st.builds(ToolUsePart, id=TEXT, name=TEXT, arguments=TEXT),
    st.builds(RedactedThinkingPart, data=TEXT),
    st.builds(OpaquePart, dialect=st.just("d"), value=OBJECT),
)
CHOICES = st.builds(
    Choice,
    content=st.lists(PARTS, max_size=4).map(tuple),
    finish=st.sampled_from(get_args(FinishReason)),
    stop_sequence=st.none() | TEXT,
    logprobs=st.none() | st.just({"content": [{"token": "a"}], "refusal": None}),
)
RESPONSES = st.builds(
    ChatResponse,
    id=TEXT,
    model=TEXT,
    choices=st.lists(CHOICES, min_size=1, max_size=3).map(lambda items: tuple(_numbered(items))),
    usage=st.none() | st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
    created=st.none() | st.integers(0, 9),
    service_tier=st.none() | TEXT,
    extra=OBJECT,
)


def _numbered(choices: list[Choice]) -> list[Choice]:
    return [
        Choice(index=i, content=c.content, finish=c.finish, stop_sequence=c.stop_sequence, logprobs=c.logprobs)
        for i, c in enumerate(choices)
    ]


def fold(*events: StreamEvent) -> Accumulator:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator


@given(RESPONSES)
def test_answer_survives_its_events(response: ChatResponse) -> None:
    """Every kind of block, several choices, logprobs, usage, citations."""
    accumulator = fold(*response_to_events(response))
    assert accumulator.complete
    assert accumulator.response() == response


@given(RESPONSES)
def test_events_keep_the_order_of_a_stream(response: ChatResponse) -> None:
    """One start first, one end last; each block one start, one stop; indices count from 0; one finish a choice (contract L)."""
    events = response_to_events(response)
    starts = [event.block for event in events if isinstance(event, BlockStart)]
    assert isinstance(events[0], StreamStart)
    assert isinstance(events[-1], StreamEnd)
    assert starts == list(range(len(starts)))
    assert [event.block for event in events if isinstance(event, BlockStop)] == starts
    assert [event.choice for event in events if isinstance(event, Finish)] == [choice.index for choice in response.choices]


def test_parts_that_no_stream_carries_are_left_out() -> None:
    """A generated image."""
    response = ChatResponse(id="i", model="m", choices=(Choice(content=(ImagePart(url="u"), TextPart(text="a"))),))
    assert fold(*response_to_events(response)).response().choices[0].content == (TextPart(text="a"),)


def test_interleaved_calls() -> None:
    """Parts stand in the order of their starts."""
    accumulator = fold(
        StreamStart(id="i", model="m"),
        BlockStart(block=0, kind="tool_use", id="a", name="f"),
        BlockStart(block=1, kind="tool_use", id="b", name="g"),
        ArgumentsDelta(block=1, json="{"),
        ArgumentsDelta(block=0, json="[]"),
        ArgumentsDelta(block=1, json="}"),
    )
    assert accumulator.response().choices[0].content == (
        ToolUsePart(id="a", name="f", arguments="[]"),
        ToolUsePart(id="b", name="g", arguments="{}"),
    )


def test_half_a_stream_is_half_an_answer() -> None:
    """It says so, and its choice has ended for another reason."""
    accumulator = fold(StreamStart(id="i", model="m"), BlockStart(block=0, kind="text"), TextDelta(block=0, text="a"), StreamPing())
    response = accumulator.response()
    assert not accumulator.complete
    assert (response.choices[0].content, response.choices[0].finish) == ((TextPart(text="a"),), "other")


def test_failure_is_kept() -> None:
    """For whoever stores answers."""
    error = ErrorInfo(status=502, message="m")
    accumulator = fold(StreamFailed(error=error))
    assert (accumulator.error, accumulator.complete, accumulator.response().choices) == (error, False, ())


def test_logprobs_grow() -> None:
    """Token lists are appended; a later null takes nothing back."""
    pieces: list[dict[str, Any]] = [
        {"content": None, "refusal": None},
        {"content": [1]},
        {"content": [2], "refusal": None},
        {"content": None},
    ]
    accumulator = fold(*[LogprobsDelta(choice=0, logprobs=piece) for piece in pieces])
    assert accumulator.response().choices[0].logprobs == {"content": [1, 2], "refusal": None}


@pytest.mark.parametrize(
    ("value", "deltas", "expected"),
    [
        ({"a": {"t": "x"}}, [{"a": {"t": "y", "n": 1}}, {"a": {"n": None}}], {"a": {"t": "xy", "n": 1}}),
        ({"l": [1]}, [{"l": [2]}, {"n": 5}, {"n": 6}], {"l": [1, 2], "n": 6}),
        (
            {"type": "server_tool_use", "input": {}},
            [{"type": "input_json_delta", "partial_json": '{"q":'}, {"type": "input_json_delta", "partial_json": "1}"}],
            {"type": "server_tool_use", "input": {"q": 1}},
        ),
        (
            {"type": "server_tool_use", "input": {}},
            [{"type": "input_json_delta", "partial_json": '{"q":'}, {"type": "other_delta", "x": 1}],
            {"type": "server_tool_use", "input": '{"q":', "x": 1},
        ),
        (
            {"type": "server_tool_use", "input": {}},
            [{"type": "input_json_delta", "partial_json": ""}],
            {"type": "server_tool_use", "input": {}},
        ),
    ],
)
def test_opaque_blocks_grow(value: dict[str, Any], deltas: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """Texts and lists grow, objects merge, Anthropic's pieces of input are put together; the part itself is not changed."""
    part = OpaquePart(dialect="d", value=value)
    before = repr(value)
    accumulator = fold(BlockStart(block=0, kind="opaque", part=part), *[OpaqueDelta(block=0, value=delta, dialect="d") for delta in deltas])
    assert accumulator.response().choices[0].content == (OpaquePart(dialect="d", value=expected),)
    assert repr(value) == before


def test_opaque_block_without_a_part_shows_nothing() -> None:
    """There is nothing to show."""
    assert fold(BlockStart(block=0, kind="opaque"), Finish()).response().choices[0].content == ()


def test_delta_of_an_unknown_block_is_a_decoders_error() -> None:
    """Not silently dropped."""
    with pytest.raises(KeyError):
        fold(TextDelta(block=3, text="a"))


def test_last_event_of_a_responses_item_holds_it() -> None:
    """Its other events say nothing of it; without a last one it is as it began."""
    begun = OpaquePart(dialect="openai_responses", value={"id": "w", "status": "in_progress"})
    searching = OpaqueDelta(block=0, value={"type": "response.web_search_call.searching"}, dialect="openai_responses")
    last = OpaqueDelta(block=0, value={"type": "response.output_item.done", "item": {"id": "w", "n": 1}}, dialect="openai_responses")
    for deltas, value in (([searching, last], {"id": "w", "n": 1}), ([searching], begun.value)):
        accumulator = Accumulator()
        events: list[StreamEvent] = [BlockStart(block=0, kind="opaque", part=begun), *deltas, Finish()]
        for event in events:
            accumulator.add(event)
        assert accumulator.response().choices[0].content == (OpaquePart(dialect="openai_responses", value=value),)
