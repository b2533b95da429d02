"""The passthrough lane."""

from pathlib import Path

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions.watch import OpenAICompletionsWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage
from tests.support.openai_samples import chunks_of

WIRE = Path(__file__).parents[3] / "wire/openai_completions"


def test_whole_events_pass_unchanged() -> None:
    """All but the usage chunk and `[DONE]`, and what is to be known is known."""
    stream = (WIRE / "stream.sse").read_bytes()
    watcher = OpenAICompletionsWatcher()
    out = watcher.feed(stream) + watcher.close()
    assert stream == out + watcher.usage_chunk + b"data: [DONE]\n\n"
    assert (watcher.content, watcher.complete, watcher.ended, watcher.tool_calls) == (True, True, True, False)
    assert (watcher.usage, watcher.model, watcher.response_id) == (
        Usage(input_tokens=2, output_tokens=4),
        "gpt-3.5-turbo-instruct",
        "cmpl-1",
    )
    assert watcher.text_bytes == len(" a mid timenight")


def test_an_error_is_not_forwarded() -> None:
    """Its owner tells the client."""
    watcher = OpenAICompletionsWatcher()
    out = watcher.feed((WIRE / "stream_error.sse").read_bytes())
    assert len(chunks_of(out)) == 1
    assert watcher.error is not None
    assert watcher.error.message == "out of memory"
    assert not watcher.complete
    assert watcher.feed(b"data: {}\n\n") == b""
    assert b'"m"' in watcher.fail(ErrorInfo(status=502, message="m"))


def test_comments_pass() -> None:
    """A keep-alive of the provider's goes with the next event."""
    watcher = OpenAICompletionsWatcher()
    assert watcher.feed(b": ping\n\ndata: \n\n") == b": ping\n\ndata: \n\n"
    assert watcher.keep_alive().startswith(b":")


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices":[{"text":5}]}'])
def test_what_is_no_chunk(data: bytes) -> None:
    """Refused by name."""
    with pytest.raises(InvalidBody):
        OpenAICompletionsWatcher().feed(b"data: " + data + b"\n\n")


def test_buffer_is_capped() -> None:
    """An event without an end is refused over the cap."""
    watcher = OpenAICompletionsWatcher()
    with pytest.raises(InvalidBody):
        for _ in range(6):
            watcher.feed(b"x" * 1024 * 1024)
