"""The response stream → events."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.eventstream import event_frame, exception_frame
from proxy.core.events import BlockStart, BlockStop, Finish, StreamEnd, StreamEvent, StreamFailed, StreamStart, TextDelta, UsageUpdate
from proxy.core.response import ChatResponse, Usage
from tests.support.invoke_samples import chunk, sample, sample_stream, stream
from tests.support.openai_samples import decode_all

CODEC = BedrockInvokeCodec()
FAMILIES = ["claude", "titan", "llama"]


def folded(events: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def generation(text: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"generation": text, "stop_reason": reason, **more}


@pytest.mark.parametrize("family", FAMILIES)
def test_stream_and_whole_answer_agree(family: str) -> None:
    """Content, finish and usage."""
    response = folded(decode_all(CODEC.stream_decoder(), sample_stream(family)))
    whole = CODEC.decode_response(json.dumps(sample(f"answer_{family}")).encode())
    assert [choice.content for choice in response.choices] == [choice.content for choice in whole.choices]
    assert [choice.finish for choice in response.choices] == [choice.finish for choice in whole.choices]
    assert response.usage is not None
    assert whole.usage is not None
    assert (response.usage.prompt_tokens, response.usage.output_tokens) == (whole.usage.prompt_tokens, whole.usage.output_tokens)
    assert (response.id, response.model) == (whole.id, whole.model)


def test_events_of_a_text_stream() -> None:
    """One block, its finish, the counts, the end."""
    assert decode_all(CODEC.stream_decoder(), sample_stream("titan")) == [
        StreamStart(id="", model=""),
        BlockStart(block=0, kind="text"),
        TextDelta(block=0, text="Hello"),
        TextDelta(block=0, text=" there"),
        BlockStop(block=0),
        Finish(reason="stop"),
        UsageUpdate(usage=Usage(input_tokens=4, output_tokens=3)),
        StreamEnd(),
    ]


def test_counts_without_bedrocks_own() -> None:
    """The model's are taken then."""
    events = decode_all(
        CODEC.stream_decoder(), stream(generation("a", prompt_token_count=7), generation("", "stop", generation_token_count=1))
    )
    assert UsageUpdate(usage=Usage(input_tokens=7, output_tokens=1)) in events
    assert not any(isinstance(event, UsageUpdate) for event in decode_all(CODEC.stream_decoder(), stream(generation("a", "stop"))))


@pytest.mark.parametrize("family", FAMILIES)
def test_cut_at_every_byte(family: str) -> None:
    """The same events."""
    body = sample_stream(family)
    whole = decode_all(CODEC.stream_decoder(), body)
    for place in range(1, len(body), 3):
        assert decode_all(CODEC.stream_decoder(), body[:place], body[place:]) == whole


WHOLE = {
    "claude": sample_stream("claude"),
    "titan": sample_stream("titan"),
    "llama": sample_stream("llama"),
    "no text": stream(generation("", "stop")),
    "claude, half a frame after its last word": sample_stream("claude") + b"\0",
}
TRUNCATED = {
    "nothing": b"",
    "claude without message_stop": stream(*sample("stream_claude")[:-1]),
    "titan without a reason": stream(*sample("stream_titan")[:-1]),
    "llama without a reason": stream(generation("a")),
    "llama, half a frame after the reason": stream(generation("a", "stop")) + b"\0\0\0\1",
    "exception after the reason": stream(generation("a", "stop")) + exception_frame("throttlingException", b'{"message": "slow"}'),
    "exception": exception_frame("modelStreamErrorException", b"{}"),
}


def complete_in_both(body: bytes) -> Iterator[bool]:
    yield any(isinstance(event, StreamEnd) for event in decode_all(CODEC.stream_decoder(), body))
    watcher = CODEC.watcher()
    watcher.feed(body)
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


def test_exceptions_end_the_stream() -> None:
    """With status and words of their own; nothing follows."""
    decoder = CODEC.stream_decoder()
    body = stream(generation("a")) + exception_frame("throttlingException", b'{"message": "slow"}') + stream(generation("b", "stop"))
    events = decode_all(decoder, body)
    failed = events[-1]
    assert isinstance(failed, StreamFailed)
    assert (failed.error.status, failed.error.message, failed.error.retryable) == (429, "slow", True)
    assert decoder.feed(stream(generation("c"))) == []


def test_what_follows_the_finish_adds_nothing() -> None:
    """A second reason, or more text."""
    events = decode_all(CODEC.stream_decoder(), stream(generation("a", "stop"), generation("b", "length")))
    assert sum(isinstance(event, Finish) for event in events) == 1
    assert sum(isinstance(event, TextDelta) for event in events) == 1


def test_other_frames_are_passed_over() -> None:
    """An event type that this version does not know."""
    assert decode_all(CODEC.stream_decoder(), event_frame("news", b"?")) == []


@pytest.mark.parametrize("event", [{"outputs": []}, {"generation": 5}, {"type": 5}, [], {"generation": "a", "stop_reason": 5}])
def test_broken_chunks(event: Any) -> None:
    """And those of another vendor: refused by name."""
    with pytest.raises(InvalidBody):
        CODEC.stream_decoder().feed(chunk(event))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.dictionaries(
                st.sampled_from(["type", "generation", "outputText", "stop_reason", "index"]),
                st.one_of(st.none(), st.integers(), st.text(max_size=4)),
            ).map(chunk),
        ),
        max_size=4,
    )
)
def test_never_crashes(pieces: list[bytes]) -> None:
    """Any bytes and any chunks are events or an InvalidBody, in both lanes."""
    for reader in (CODEC.stream_decoder(), CODEC.watcher()):
        with contextlib.suppress(InvalidBody):
            for piece in pieces:
                reader.feed(piece)
            reader.close()
