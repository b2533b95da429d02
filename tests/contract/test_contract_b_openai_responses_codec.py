"""Contract B, truthful stream ends, for the `openai_responses` codec: terminal evidence is `response.completed`, `response.incomplete` or
`response.failed`, of which the last is no success; an `error` event is no end. What the pipeline makes of it is tested beside."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.sse import sse_event
from proxy.core.errors import ErrorInfo
from proxy.core.events import Finish, StreamEnd, StreamFailed, StreamStart
from tests.support.responses_samples import WHOLE_STREAMS, decode_all, events_of, sample

CODEC = OpenAIResponsesCodec()
DONE = b"data: [DONE]\n\n"


def event(kind: str, **fields: Any) -> bytes:
    return sse_event(json.dumps({"type": kind, **fields}).encode(), kind.encode())


def ended(kind: str, **fields: Any) -> bytes:
    return event(kind, response={"id": "r", "model": "m", "output": [], **fields})


START = ended("response.created")
TEXT = event("response.output_text.delta", output_index=0, content_index=0, delta="a")
WHOLE = {
    "completed": START + TEXT + ended("response.completed", status="completed"),
    "incomplete": START + TEXT + ended("response.incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "a final [DONE]": START + TEXT + ended("response.completed") + DONE,
    "something after the end": START + TEXT + ended("response.completed") + event("error", message="late"),
    "an empty answer": START + ended("response.completed"),
}
TRUNCATED = {
    "nothing": b"",
    "only [DONE]": DONE,
    "no terminal event": START + TEXT,
    "no terminal event, but [DONE]": START + TEXT + DONE,
    "text done, but not the response": START + TEXT + event("response.output_text.done", output_index=0, content_index=0, text="a"),
    "the terminal event without its blank line": START + TEXT + ended("response.completed")[:-1],
    "a status, but no event": ended("response.in_progress", status="completed"),
    "failed": START + TEXT + ended("response.failed", error={"code": "server_error", "message": "m"}),
    "an error": START + TEXT + event("error", code="server_error", message="m"),
    "an error before the end": START + event("error", message="m") + ended("response.completed"),
}


def complete_in_both(stream: bytes) -> Iterator[bool]:
    """By the decoder and by the watcher."""
    yield any(isinstance(found, StreamEnd) for found in decode_all(CODEC.stream_decoder(), stream))
    watcher = CODEC.watcher()
    watcher.feed(stream)
    watcher.close()
    yield watcher.complete


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    """Both lanes call it whole."""
    assert list(complete_in_both(WHOLE[case])) == [True, True]


@pytest.mark.parametrize("case", TRUNCATED)
def test_truncated(case: str) -> None:
    """Neither lane calls it whole."""
    assert list(complete_in_both(TRUNCATED[case])) == [False, False]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_no_earlier_end_is_taken_for_one(name: str) -> None:
    """Cut off before its terminal event is whole, no sample is."""
    stream = sample(name)
    last = max(stream.rfind(b'"type":"response.completed"'), stream.rfind(b'"type":"response.incomplete"'))
    for place in range(0, last, 11):
        assert list(complete_in_both(stream[:place])) == [False, False]


def test_a_failed_stream_has_no_terminal_event() -> None:
    """What the client gets last is the error: no invented status, no usage, no `[DONE]`."""
    encoder = CODEC.stream_encoder()
    begun = b"".join(encoder.encode(found) for found in decode_all(CODEC.stream_decoder(), sample("stream_text.sse")[:4000])[:3])
    out = begun + encoder.fail(ErrorInfo(status=502, message="broke off", code="stream_truncated"))
    kinds = [found["type"] for found in events_of(out)]
    assert kinds[-1] == "error"
    assert not {"response.completed", "response.incomplete", "response.failed"} & set(kinds)
    assert encoder.encode(Finish()) + encoder.encode(StreamEnd()) == b""


def test_a_failure_of_the_provider_is_one_here() -> None:
    """In both lanes, with its code and whether it may pass."""
    failed = TRUNCATED["failed"]
    events = decode_all(CODEC.stream_decoder(), failed)
    assert isinstance(events[0], StreamStart)
    assert isinstance(events[-1], StreamFailed)
    watcher = CODEC.watcher()
    watcher.feed(failed)
    assert watcher.error == events[-1].error
    assert (events[-1].error.code, events[-1].error.retryable) == ("server_error", True)


def test_nothing_is_shown_before_the_first_content() -> None:
    """So another target may still be tried."""
    encoder = CODEC.stream_encoder()
    assert b"".join(encoder.encode(found) for found in decode_all(CODEC.stream_decoder(), START)) == b""
