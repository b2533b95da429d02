"""Contract B, truthful stream ends, for the codec `bedrock_converse`: the evidence and the in-band error, as boto3 sees them."""

import pytest
from botocore.exceptions import EventStreamError

from proxy.codecs.base import Codec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd
from tests.support.boto3_answers import streamed
from tests.support.converse_samples import decode_all, wire_stream

CODEC = BedrockConverseCodec()
CLIENTS: tuple[Codec, ...] = (CODEC, OpenAIChatCodec())


@pytest.mark.parametrize("status", [400, 429, 500, 502, 503])
def test_boto3_raises_the_in_band_error(status: int) -> None:
    """Contract B: a broken stream is no short answer."""
    begin = wire_stream("stream_error.json")
    with pytest.raises(EventStreamError, match="the stream ended early"):
        streamed(begin + CODEC.stream_encoder().fail(ErrorInfo(status=status, message="the stream ended early")))


def test_a_truncated_stream_ends_with_an_error_and_no_stop() -> None:
    """Cut after any frame before messageStop, for clients of this dialect and of OpenAI's."""
    truncated = ErrorInfo(status=502, message="the stream ended early", code="stream_truncated", blame="provider")
    stream = wire_stream("stream_text.json")
    for client_codec in CLIENTS:
        for length in range(0, stream.index(b"messageStop"), 31):
            decoder, encoder = CODEC.stream_decoder(), client_codec.stream_encoder()
            upstream = decode_all(decoder, stream[:length])
            assert StreamEnd() not in upstream
            out = b"".join(encoder.encode(event) for event in upstream) + encoder.fail(truncated)
            assert b"the stream ended early" in out
            assert b"messageStop" not in out
            assert b'"finish_reason":"' not in out


@pytest.mark.parametrize("name", ["stream_text.json", "stream_tools.json"])
def test_watcher_and_decoder_agree_on_the_evidence_at_every_length(name: str) -> None:
    """Both see it with the last byte of `messageStop`, and not before."""
    stream = wire_stream(name)
    for length in range(len(stream) + 1):
        watcher = CODEC.watcher()
        watcher.feed(stream[:length])
        events = decode_all(CODEC.stream_decoder(), stream[:length])
        assert (StreamEnd() in events) == watcher.complete
        assert watcher.ended == (length == len(stream))
