"""The watcher of the passthrough lane."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.watch import GeminiStreamWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.events import UsageUpdate
from tests.support.gemini_samples import STREAMS, WHOLE_STREAMS, decode_all, events_of, sample


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_every_byte_goes_on(name: str) -> None:
    """Cut anywhere; what is noted agrees with the decoder."""
    body = sample(name)
    for size in (1, 7, 64, len(body)):
        watcher = GeminiStreamWatcher()
        assert b"".join(watcher.feed(body[at : at + size]) for at in range(0, len(body), size)) + watcher.close() == body
        usages = [event.usage for event in decode_all(body) if isinstance(event, UsageUpdate)]
        assert watcher.usage == usages[-1]
        assert (watcher.complete, watcher.error, watcher.usage_chunk) == (True, None, b"")
        assert watcher.content is (name != "stream_blocked.sse")
        assert watcher.tool_calls is (name == "stream_tools.sse")


def test_what_is_noted() -> None:
    """Names, and the size of what was said."""
    watcher = GeminiStreamWatcher()
    watcher.feed(sample("stream_text.sse"))
    assert (watcher.response_id, watcher.model, watcher.text_bytes, watcher.ended) == ("r-s", "gemini-2.5-flash", 13, False)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_cut_off_it_is_not_complete(name: str) -> None:
    """Before its last event."""
    body = sample(name)
    watcher = GeminiStreamWatcher()
    watcher.feed(body[:-1])
    watcher.close()
    assert watcher.complete is False


def test_an_error_is_not_forwarded() -> None:
    """Whoever owns the stream tells the client; nothing follows."""
    watcher = GeminiStreamWatcher()
    body = sample("stream_error.sse")
    out = watcher.feed(body + sample("stream_text.sse"))
    assert body.startswith(out)
    assert len(events_of(out)) == 1
    assert watcher.error is not None
    assert (watcher.error.status, watcher.complete, watcher.ended) == (503, False, True)
    assert watcher.feed(body) == b""
    assert watcher.fail(ErrorInfo(status=500, message="x")) == b'data: {"error":{"code":500,"message":"x","status":"INTERNAL"}}\n\n'


@pytest.mark.parametrize("name", STREAMS)
def test_an_array_for_clients_without_events(name: str) -> None:
    """Closed where the stream is whole, or by the error."""
    watcher = GeminiStreamWatcher(array=True)
    out = b"".join(watcher.feed(sample(name)[at : at + 5]) for at in range(0, len(sample(name)), 5)) + watcher.close()
    if watcher.error is not None:
        out += watcher.fail(watcher.error)
    assert json.loads(out) == events_of(sample(name))
    assert watcher.keep_alive() == b""


def test_keep_alives_are_blank_lines() -> None:
    """Which every reader of events passes over."""
    assert GeminiStreamWatcher().keep_alive() == b"\n\n"


def test_candidates_count_one_by_one() -> None:
    """The one that starts late as well; images and code are content."""
    watcher = GeminiStreamWatcher()
    watcher.feed(b'data: {"candidates":[{"finishReason":"STOP"}]}\n\n')
    assert watcher.complete is True
    assert watcher.content is False
    watcher.feed(b'data: {"candidates":[{"index":1,"content":{"parts":[{"inlineData":{"data":"aGk="}}]}}]}\n\ndata: \n\n')
    assert (watcher.complete, watcher.content) == (False, True)


@pytest.mark.parametrize("data", [b"x", b"[]", b'{"candidates":5}', b"\xff"])
def test_broken_events_are_refused(data: bytes) -> None:
    """Never another exception."""
    with pytest.raises(InvalidBody):
        GeminiStreamWatcher().feed(b"data: " + data + b"\n\n")
