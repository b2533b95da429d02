"""Chunk frames."""

import json

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.chunks import chunk_frame, decode_metrics, encode_metrics, inner_event
from proxy.codecs.eventstream import EventStreamParser, event_frame
from proxy.core.response import Usage
from tests.support.invoke_samples import chunk


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
