"""Contract B, truthful stream ends, for the `openai_chat` codec: terminal evidence is a finish_reason for every choice seen and a clean
end of the body (`[DONE]` optional); an in-band error is no end. What the pipeline makes of it on sockets is tested beside it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd, StreamFailed
from tests.support.openai_samples import WHOLE_STREAMS, decode_all, sample

CODEC = OpenAIChatCodec()
DONE = b"data: [DONE]\n\n"


def chunk(index: int = 0, finish: str | None = None, **delta: Any) -> bytes:
    body = {"id": "r", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


USAGE = b'data: {"id":"r","model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
WHOLE = {
    "with [DONE]": chunk(content="a") + chunk(finish="stop") + USAGE + DONE,
    "without [DONE]": chunk(content="a") + chunk(finish="stop"),
    "usage after the finish": chunk(content="a") + chunk(finish="length") + USAGE,
    "two choices": chunk(0, content="a") + chunk(1, content="b") + chunk(0, "stop") + chunk(1, "stop") + DONE,
    "second choice begins after the first has finished": chunk(0, "stop", content="a") + chunk(1, "stop", content="b") + DONE,
    "an empty delta after the finish": chunk(finish="stop", content="a") + chunk(content="") + DONE,
}
TRUNCATED = {
    "nothing": b"",
    "only [DONE]": DONE,
    "no finish_reason": chunk(content="a"),
    "no finish_reason, but [DONE]": chunk(content="a") + DONE,
    "no finish_reason, but usage and [DONE]": chunk(content="a") + USAGE + DONE,
    "one choice of two": chunk(0, content="a") + chunk(1, content="b") + chunk(0, "stop") + DONE,
    "second choice after the first has finished": chunk(0, "stop", content="a") + chunk(1, content="b") + DONE,
    "finish_reason in an event without its blank line": chunk(content="a") + chunk(finish="stop")[:-1],
    "error after the finish": chunk(finish="stop", content="a") + b'data: {"error":{"message":"m"}}\n\n' + DONE,
    "finish_reason only after [DONE]": chunk(content="a") + DONE + chunk(finish="stop"),
}


def complete_in_both(stream: bytes) -> Iterator[bool]:
    """By the decoder and by the watcher."""
    yield any(isinstance(event, StreamEnd) for event in decode_all(CODEC.stream_decoder(), stream))
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
    """Cut off before its last finish_reason has come, no sample is whole."""
    stream = sample(name)
    last = max(stream.rfind(b'"finish_reason":"' + word) for word in (b"stop", b"length", b"tool_calls", b"function_call"))
    for place in range(0, last, 7):
        assert list(complete_in_both(stream[:place])) == [False, False]


def test_done_alone_does_not_end_the_wait() -> None:
    """`ended` lets the owner stop reading: only what is whole may set it."""
    watcher = CODEC.watcher()
    watcher.feed(chunk(content="a") + DONE)
    assert (watcher.ended, watcher.complete) == (False, False)
    watcher = CODEC.watcher()
    watcher.feed(chunk(finish="stop", content="a") + DONE)
    assert (watcher.ended, watcher.complete) == (True, True)


def test_in_band_error_of_the_provider() -> None:
    """It fails the stream in both lanes and is not forwarded: before the first content another target may be tried."""
    stream = chunk(role="assistant") + b'data: {"error":{"message":"overloaded","code":503}}\n\n'
    failed = decode_all(CODEC.stream_decoder(), stream)[-1]
    assert isinstance(failed, StreamFailed)
    watcher = CODEC.watcher()
    assert watcher.feed(stream) == chunk(role="assistant")
    assert watcher.error == failed.error
    assert (failed.error.status, failed.error.retryable, watcher.content) == (503, True, False)


def test_our_in_band_error_ends_without_done() -> None:
    """And without an invented finish reason."""
    error = ErrorInfo(status=502, message="cut off", code="stream_truncated")
    for told in (CODEC.watcher().fail(error), CODEC.stream_encoder().fail(error)):
        assert json.loads(told.removeprefix(b"data: "))["error"]["code"] == "stream_truncated"
        assert b"[DONE]" not in told
        assert b"finish_reason" not in told


def test_done_is_always_sent_to_the_client() -> None:
    """`[DONE]` is optional from upstream, not towards the client."""
    watcher = CODEC.watcher()
    out = watcher.feed(WHOLE["without [DONE]"]) + watcher.close()
    assert b"[DONE]" not in out
    assert CODEC.finish_stream(watcher.usage_chunk, include_usage=False, metadata=None) == DONE


def test_event_beyond_its_cap_is_no_success() -> None:
    """A buffer never grows without bounds."""
    for lane in (CODEC.stream_decoder(), CODEC.watcher()):
        with pytest.raises(InvalidBody, match="exceeds"):
            for _ in range(5):
                lane.feed(b"data: " + b"x" * 1024 * 1024)
