"""Chunks → events, and whole answers and their streams."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions import OpenAICompletionsCodec
from proxy.core.events import BlockStart, BlockStop, Finish, StreamEnd, StreamEvent, StreamFailed, StreamStart, TextDelta
from proxy.core.response import ChatResponse, Usage
from tests.support.openai_samples import decode_all

WIRE = Path(__file__).parents[3] / "wire/openai_completions"
CODEC = OpenAICompletionsCodec()
STREAM = (WIRE / "stream.sse").read_bytes()
PLAIN = (WIRE / "stream_plain.sse").read_bytes()
DONE = b"data: [DONE]\n\n"


def chunk(index: int = 0, text: str = "", finish: str | None = None) -> bytes:
    body = {"id": "r", "model": "m", "choices": [{"index": index, "text": text, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def folded(events: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def test_events_of_a_stream() -> None:
    """One start, a block a choice, one finish each after its block, the end last."""
    events = decode_all(CODEC.stream_decoder(), PLAIN)
    assert events == [
        StreamStart(id="c", model="m"),
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="héllo"),
        TextDelta(block=0, text=" wörld"),
        BlockStop(block=0),
        Finish(reason="stop"),
        StreamEnd(),
    ]


def test_stream_and_whole_answer_agree() -> None:
    """Texts, finishes, log probabilities, usage."""
    response = folded(decode_all(CODEC.stream_decoder(), STREAM))
    whole = CODEC.decode_response((WIRE / "completion.json").read_bytes())
    assert [choice.finish for choice in response.choices] == [choice.finish for choice in whole.choices]
    assert response.choices[0].content == whole.choices[0].content
    assert response.usage == Usage(input_tokens=2, output_tokens=4)
    first, second = response.choices[0].logprobs, whole.choices[0].logprobs
    assert first is not None
    assert second is not None
    assert [item["logprob"] for item in first["content"]] == [item["logprob"] for item in second["content"]]
    assert (response.id, response.model, response.created) == (whole.id, whole.model, whole.created)


@pytest.mark.parametrize("stream", [STREAM, PLAIN], ids=["choices", "plain"])
def test_cut_at_every_byte(stream: bytes) -> None:
    """The same events, and the same from the watcher."""
    whole = decode_all(CODEC.stream_decoder(), stream)
    watcher = CODEC.watcher()
    forwarded = watcher.feed(stream)
    for place in range(1, len(stream)):
        assert decode_all(CODEC.stream_decoder(), stream[:place], stream[place:]) == whole
        other = CODEC.watcher()
        assert other.feed(stream[:place]) + other.feed(stream[place:]) == forwarded


WHOLE = {
    "with [DONE]": chunk(text="a") + chunk(finish="stop") + DONE,
    "without [DONE]": chunk(text="a") + chunk(finish="stop"),
    "finish with the text": chunk(text="a", finish="length") + DONE,
    "two choices": chunk(0, "a") + chunk(1, "b") + chunk(0, finish="stop") + chunk(1, finish="stop") + DONE,
    "empty text after the finish": chunk(text="a", finish="stop") + chunk() + DONE,
    "no text at all": chunk(finish="stop"),
}
TRUNCATED = {
    "nothing": b"",
    "only [DONE]": DONE,
    "no finish": chunk(text="a"),
    "no finish, but [DONE]": chunk(text="a") + DONE,
    "one choice of two": chunk(0, "a") + chunk(1, "b") + chunk(0, finish="stop") + DONE,
    "second choice after the first has finished": chunk(0, "a", "stop") + chunk(1, "b") + DONE,
    "finish in an event without its blank line": chunk(text="a") + chunk(finish="stop")[:-1],
    "error after the finish": chunk(text="a", finish="stop") + b'data: {"error":{"message":"m"}}\n\n' + DONE,
    "finish only after [DONE]": chunk(text="a") + DONE + chunk(finish="stop"),
}


def complete_in_both(stream: bytes) -> Iterator[bool]:
    yield any(isinstance(event, StreamEnd) for event in decode_all(CODEC.stream_decoder(), stream))
    watcher = CODEC.watcher()
    watcher.feed(stream)
    watcher.close()
    yield watcher.complete


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    """Both lanes call it whole (contract B)."""
    assert list(complete_in_both(WHOLE[case])) == [True, True]


@pytest.mark.parametrize("case", TRUNCATED)
def test_truncated(case: str) -> None:
    """Neither lane calls it whole (contract B)."""
    assert list(complete_in_both(TRUNCATED[case])) == [False, False]


def test_in_band_error() -> None:
    """Ends the stream."""
    events = decode_all(CODEC.stream_decoder(), (WIRE / "stream_error.sse").read_bytes())
    assert isinstance(events[-1], StreamFailed)
    assert events[-1].error.message == "out of memory"


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"choices": 5}', b'{"choices": [5]}', b'{"choices": [{"text": 5}]}', b'{"usage": 5}', b'{"id": 5}']
)
def test_broken_events(data: bytes) -> None:
    """Refused by name."""
    with pytest.raises(InvalidBody):
        CODEC.stream_decoder().feed(b"data: " + data + b"\n\n")


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_never_crashes(chunks: list[bytes]) -> None:
    """Any bytes are events or an InvalidBody, in both lanes."""
    for reader in (CODEC.stream_decoder(), CODEC.watcher()):
        try:
            for piece in chunks:
                reader.feed(b"data: " + piece + b"\n\n")
            reader.close()
        except InvalidBody:
            continue


choices = st.tuples(st.integers(0, 2), st.text(max_size=4), st.sampled_from([None, None, "stop", "length"]))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(choices, max_size=8))
def test_state_machine(parts: list[tuple[int, str, str | None]]) -> None:
    """Whatever the order of chunks: blocks start once and in order, stop before their finish, which comes once."""
    events = decode_all(CODEC.stream_decoder(), b"".join(chunk(*part) for part in parts))
    starts = [event for event in events if isinstance(event, BlockStart)]
    assert [event.block for event in starts] == list(range(len(starts)))
    owner = {event.block: event.choice for event in starts}
    finished: set[int] = set()
    stopped: set[int] = set()
    for event in events:
        if isinstance(event, TextDelta):
            assert event.block not in stopped
            assert owner[event.block] not in finished
        elif isinstance(event, BlockStop):
            stopped.add(event.block)
        elif isinstance(event, Finish):
            assert event.choice not in finished
            finished.add(event.choice)
    ended: Any = events[-1] if events else None
    assert isinstance(ended, StreamEnd) == (bool(finished) and {index for index, _, _ in parts} == finished)
