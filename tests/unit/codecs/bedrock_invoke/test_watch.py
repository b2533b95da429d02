"""The passthrough lane."""

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.chunks import METRICS
from proxy.codecs.eventstream import event_frame, exception_frame
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage
from tests.support.invoke_samples import chunk, sample_stream, stream

CODEC = BedrockInvokeCodec()


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_whole_frames_pass_unchanged(family: str) -> None:
    """However they were cut, and what is to be known is known."""
    body = sample_stream(family)
    watcher = CODEC.watcher()
    assert b"".join(watcher.feed(body[i : i + 7]) for i in range(0, len(body), 7)) + watcher.close() == body
    assert (watcher.content, watcher.complete, watcher.error, watcher.usage_chunk) == (True, True, None, b"")
    assert watcher.tool_calls == (family == "claude")
    assert watcher.usage is not None
    assert (watcher.usage.prompt_tokens, watcher.usage.output_tokens) == {"claude": (24, 9), "titan": (4, 3), "llama": (21, 3)}[family]
    assert watcher.text_bytes == {"claude": len('Sunny.{"city":"Rome"}'), "titan": 11, "llama": 8}[family]
    assert (watcher.response_id, watcher.model) == (("msg_bdrk_1", "claude-sonnet-4-5-20250929") if family == "claude" else (None, None))


def test_other_vendors_pass() -> None:
    """Bedrock's own counts at the end are the evidence."""
    body = stream({"outputs": [{"text": "a"}]}, {"outputs": [{"text": ""}]})
    last = chunk({"outputs": [], METRICS: {"inputTokenCount": 3, "outputTokenCount": 1}})
    watcher = CODEC.watcher()
    assert watcher.feed(body) == body
    assert (watcher.content, watcher.complete) == (True, False)
    assert watcher.feed(last) == last
    assert (watcher.complete, watcher.usage) == (True, Usage(input_tokens=3, output_tokens=1))


def test_an_exception_is_not_forwarded() -> None:
    """Its owner tells the client."""
    first = stream({"generation": "a", "stop_reason": None})
    watcher = CODEC.watcher()
    assert watcher.feed(first + exception_frame("throttlingException", b'{"message": "slow"}') + first) == first
    assert watcher.error is not None
    assert (watcher.error.status, watcher.complete, watcher.ended) == (429, False, True)
    assert watcher.feed(first) == b""
    assert b"throttlingException" in watcher.fail(ErrorInfo(status=429, message="m"))
    assert watcher.keep_alive() == b""


def test_unknown_event_types_pass() -> None:
    """They say nothing."""
    frame = event_frame("news", b"{}")
    assert CODEC.watcher().feed(frame) == frame


def test_a_broken_frame_is_refused() -> None:
    """A wrong checksum, or a chunk that is none."""
    body = bytearray(sample_stream("titan"))
    body[-1] ^= 1
    with pytest.raises(InvalidBody):
        CODEC.watcher().feed(bytes(body))
    with pytest.raises(InvalidBody):
        CODEC.watcher().feed(event_frame("chunk", b"{}"))
