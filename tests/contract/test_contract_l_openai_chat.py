"""Contract L, translation, for the `openai_chat` codec: the event state machine of both stream directions, ids, arguments, stop reasons,
parallel calls, reports. Whole cross-dialect exchanges are tested with the gateway around them (tests/integration)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.openai_chat import OpenAIChatCodec
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
from proxy.core.messages import CacheHint, ImagePart, Message, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest
from tests.support.openai_samples import WHOLE_STREAMS, chunks_of, decode_all, sample, sample_json
from tests.support.shared_corpus import without_nulls

CODEC = OpenAIChatCodec()


def assert_well_formed(events: list[StreamEvent]) -> None:
    """The order that proxy/core/events.py promises."""
    assert isinstance(events[0], StreamStart)
    assert isinstance(events[-1], StreamEnd)
    assert sum(isinstance(event, StreamStart | StreamEnd) for event in events) == 2
    started: list[BlockStart] = []
    open_blocks: dict[int, BlockStart] = {}
    for event in events:
        if isinstance(event, BlockStart):
            assert event.block == len(started)
            others = [block for block in open_blocks.values() if block.choice == event.choice]
            assert all(block.kind == event.kind == "tool_use" for block in others)
            started.append(event)
            open_blocks[event.block] = event
        elif isinstance(event, BlockStop):
            del open_blocks[event.block]
        elif isinstance(event, TextDelta | ArgumentsDelta):
            assert event.block in open_blocks
        elif isinstance(event, Finish):
            assert not [block for block in open_blocks.values() if block.choice == event.choice]
    assert open_blocks == {}
    finishes = [event.choice for event in events if isinstance(event, Finish)]
    assert sorted(finishes) == sorted(set(finishes)) == sorted({block.choice for block in started} | set(finishes))


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_one_start_and_one_stop_a_block(name: str) -> None:
    """Unique indices in order; only calls overlap; every choice finishes once, after its blocks."""
    assert_well_formed(decode_all(CODEC.stream_decoder(), sample(name)))


FIELDS = st.one_of(
    st.builds(lambda text: {"content": text}, st.sampled_from(["", "a", "é"])),
    st.builds(lambda text: {"reasoning_content": text}, st.sampled_from(["", "t"])),
    st.builds(lambda text: {"refusal": text}, st.sampled_from(["", "no"])),
    st.builds(lambda: {"role": "assistant"}),
)


@given(st.lists(st.tuples(st.integers(0, 2), FIELDS), max_size=12), st.lists(st.integers(0, 3), max_size=6))
def test_any_order_of_deltas_is_well_formed(texts: list[tuple[int, dict[str, Any]]], calls: list[int]) -> None:
    """Text, thinking and refusals of several choices in any order, then parallel calls that interleave."""
    chunks = [_chunk(choice, delta) for choice, delta in texts]
    begun: set[int] = set()
    for index in calls:
        head = {} if index in begun else {"id": f"c{index}", "type": "function"}
        name = {} if index in begun else {"name": f"f{index}"}
        begun.add(index)
        chunks.append(_chunk(0, {"tool_calls": [{"index": index, **head, "function": {**name, "arguments": str(index)}}]}))
    choices = {0, *(choice for choice, _ in texts)}
    chunks += [_chunk(choice, {}, "tool_calls" if choice == 0 and begun else "stop") for choice in choices]
    events = decode_all(CODEC.stream_decoder(), b"".join(chunks))
    assert_well_formed(events)
    ids = {event.block: event.id for event in events if isinstance(event, BlockStart) and event.kind == "tool_use"}
    joined = {
        call_id: "".join(e.json for e in events if isinstance(e, ArgumentsDelta) and ids[e.block] == call_id) for call_id in ids.values()
    }
    assert joined == {f"c{index}": str(index) * calls.count(index) for index in begun}


def _chunk(choice: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    body = {"id": "r", "model": "m", "choices": [{"index": choice, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def test_parallel_calls_stay_apart() -> None:
    """L25836: arguments that interleave go to their own calls; ids and order survive; a call without any has an empty object."""
    encoder = CODEC.stream_encoder()
    out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample("stream_tools.sse")))
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks_of(out):
        for piece in chunk["choices"][0]["delta"].get("tool_calls", ()):
            call = calls.setdefault(piece["index"], {"id": piece.get("id"), "arguments": ""})
            call["arguments"] += piece["function"]["arguments"]
    assert [(call["id"], json.loads(call["arguments"])) for call in calls.values()] == [
        ("call_Lx01", {"city": "Zürich"}),
        ("call_Lx02", {"city": "Køln"}),
        ("call_Lx03", {}),
    ]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_stop_reason_fits_the_content(name: str) -> None:
    """A choice with calls ends with tool_calls, whatever word the provider used."""
    events = decode_all(CODEC.stream_decoder(), sample(name))
    with_calls = {e.choice for e in events if isinstance(e, BlockStart) and e.name is not None}
    for event in events:
        if isinstance(event, Finish):
            assert (event.reason == "tool_calls") is (event.choice in with_calls)


def test_usage_is_right() -> None:
    """L21331: cached tokens are part of OpenAI's prompt tokens and apart in the canonical form."""
    events = decode_all(CODEC.stream_decoder(), sample("stream_text.sse"))
    (usage,) = [event.usage for event in events if isinstance(event, UsageUpdate)]
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.prompt_tokens) == (5, 16, 9, 21)


@pytest.mark.parametrize("name", ["request_full.json", "request_legacy.json"])
def test_same_dialect_is_equal_as_json(name: str) -> None:
    """Unknown fields included (L37273)."""
    body = sample_json(name)
    assert without_nulls(CODEC.encode_request(CODEC.decode_request(body, {})).body) == without_nulls(body)


def test_what_could_not_be_carried_is_reported() -> None:
    """L39796: of an Anthropic client's request, by its own paths."""
    result = ToolResultPart(tool_use_id="t", content=(TextPart(text="x"), ImagePart(url="https://e.com/a")), is_error=True)
    request = ChatRequest(
        dialect="anthropic_messages",
        model="m",
        top_k=5,
        stop=("a", "b", "c", "d", "e"),
        paths={"stop": "stop_sequences"},
        extra={"container": "c"},
        messages=(
            Message(role="system", content=(TextPart(text="s", cache=CacheHint()),), path="system"),
            Message(
                role="assistant",
                content=(ThinkingPart(text="t", signature="s"), ToolUsePart(id="t", name="f", arguments="{}")),
                path="messages[0]",
            ),
            Message(role="user", content=(result,), path="messages[1]"),
        ),
    )
    assert set(CODEC.encode_request(request).dropped) == {
        "system[0].cache_control",
        "messages[0].content[0]",
        "messages[1].content[0].is_error",
        "messages[1].content[0].content[1]",
        "top_k",
        "stop_sequences",
        "container",
    }
