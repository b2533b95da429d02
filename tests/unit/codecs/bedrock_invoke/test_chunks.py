"""Chunk frames."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.chunks import chunk_frame, decode_metrics, encode_metrics, inner_event, with_id
from proxy.codecs.eventstream import EventStreamParser, event_frame
from proxy.core.response import Usage
from tests.support.invoke_samples import chunk, inner_events, sample_stream


def test_there_and_back() -> None:
    """With Bedrock's padding and without."""
    for frame in EventStreamParser().feed(chunk({"a": "é"}) + chunk_frame({"a": "é"})):
        assert frame.text(":event-type") == "chunk"
        assert inner_event(frame) == {"a": "é"}


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b'{"bytes": 5}', b'{"bytes": "x"}', b'{"bytes": "W10="}', b'{"bytes": "ew=="}', b'{"x":' + b"[" * 5000]
)
def test_broken_payloads(payload: bytes) -> None:
    """No JSON, no base64, no object inside."""
    (frame,) = EventStreamParser().feed(event_frame("chunk", payload))
    with pytest.raises(InvalidBody):
        inner_event(frame)


def test_metrics() -> None:
    """Bedrock's own counts, cache included where there was one."""
    usage = Usage(input_tokens=5, output_tokens=2, cache_read_tokens=3)
    encoded = encode_metrics(usage)
    assert decode_metrics({"amazon-bedrock-invocationMetrics": encoded}) == usage
    assert json.dumps(encode_metrics(Usage())) == '{"inputTokenCount": 0, "outputTokenCount": 0}'
    assert decode_metrics({}) is None


def test_another_id() -> None:
    """Claude's message has one, in its first event; what follows stays byte for byte."""
    stream = sample_stream("claude")
    renamed = with_id(stream, "msg_new")
    assert inner_events(renamed)[0]["message"]["id"] == "msg_new"
    assert inner_events(renamed)[1:] == inner_events(stream)[1:]
    assert renamed.endswith(stream[-500:])
    for other in (sample_stream("titan"), b""):
        assert with_id(other, "msg_new") == other
