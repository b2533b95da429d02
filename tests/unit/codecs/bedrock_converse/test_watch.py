"""The passthrough lane's watcher."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.watch import ConverseStreamWatcher
from proxy.codecs.eventstream import event_frame, exception_frame
from proxy.core.errors import ErrorInfo
from tests.support.converse_samples import events_of, stream_of, wire, wire_stream


@pytest.mark.parametrize("name", ["stream_text.json", "stream_tools.json"])
def test_every_frame_passes_unchanged_wherever_it_is_cut(name: str) -> None:
    """Whole frames only; what is noted is the same."""
    stream = wire_stream(name)
    for cut in range(len(stream) + 1):
        watcher = ConverseStreamWatcher()
        first = watcher.feed(stream[:cut])
        assert stream.startswith(first)
        assert first + watcher.feed(stream[cut:]) + watcher.close() == stream
        assert (watcher.content, watcher.complete, watcher.ended, watcher.error) == (True, True, True, None)


def test_what_is_noted() -> None:
    """Bytes of text, reasoning and arguments, calls, usage; no id, no model."""
    watcher = ConverseStreamWatcher()
    watcher.feed(wire_stream("stream_tools.json"))
    assert watcher.text_bytes == len('Let me think.{"q":"cats"}Cats purr.{"name":"Tom"}')
    assert watcher.tool_calls
    assert watcher.usage is not None
    assert (watcher.usage.input_tokens, watcher.usage.output_tokens) == (100, 50)
    assert (watcher.model, watcher.response_id, watcher.usage_chunk, watcher.keep_alive()) == (None, None, b"", b"")


def test_a_server_tool_is_content_but_no_call() -> None:
    """Of the client's."""
    watcher = ConverseStreamWatcher()
    start = {"toolUse": {"toolUseId": "i", "name": "f", "type": "server_tool_use"}}
    watcher.feed(stream_of(("contentBlockStart", {"contentBlockIndex": 0, "start": start})))
    assert (watcher.content, watcher.tool_calls) == (True, False)


def test_the_stream_goes_on_after_message_stop() -> None:
    """Complete with it, ended with metadata."""
    *most, metadata = [(kind, payload) for kind, payload in json.loads(wire("stream_text.json"))]
    watcher = ConverseStreamWatcher()
    watcher.feed(stream_of(*most[:1]))
    assert (watcher.content, watcher.complete) == (False, False)
    watcher.feed(stream_of(*most[1:]))
    assert (watcher.content, watcher.complete, watcher.ended, watcher.usage) == (True, True, False, None)
    assert watcher.feed(stream_of(("new", {}))) == stream_of(("new", {}))
    watcher.feed(stream_of(metadata))
    assert watcher.ended
    assert watcher.usage is not None


def test_an_exception_is_not_forwarded() -> None:
    """The owner tells the client by `fail`, which botocore reads as the same."""
    begin = wire_stream("stream_error.json")
    watcher = ConverseStreamWatcher()
    assert watcher.feed(begin + exception_frame("throttlingException", b'{"message":"m"}') + begin) == begin
    assert watcher.feed(begin) == b""
    assert watcher.error is not None
    assert (watcher.error.status, watcher.error.message, watcher.complete, watcher.ended) == (429, "m", False, True)
    assert events_of(watcher.fail(watcher.error)) == [("throttlingException", {"message": "m"})]
    assert events_of(watcher.fail(ErrorInfo(status=500, message="x")))[0][0] == "internalServerException"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("contentBlockDelta", b"{}"),
        ("contentBlockDelta", b'{"delta":{"text":1}}'),
        ("contentBlockStart", b"["),
        ("metadata", b'{"usage":[]}'),
        ("metadata", b'{"usage":{"inputTokens":"x"}}'),
        ("metadata", b'{"usage":"\xff"}'),
    ],
)
def test_a_broken_event_is_refused(kind: str, payload: bytes) -> None:
    """As the decoder does."""
    with pytest.raises(InvalidBody):
        ConverseStreamWatcher().feed(event_frame(kind, payload))
