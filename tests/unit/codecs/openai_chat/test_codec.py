"""The codec as a whole."""

from proxy.codecs.base import Codec
from proxy.codecs.openai_chat import OpenAIChatCodec
from tests.support.openai_samples import chunks_of, sample


def test_name() -> None:
    """By which requests and opaque parts are marked."""
    codec: Codec = OpenAIChatCodec()
    assert codec.name == "openai_chat"


def test_whole_answer_as_a_stream() -> None:
    """Through its events, as a cache hit is replayed."""
    codec = OpenAIChatCodec()
    encoder = codec.stream_encoder()
    events = codec.response_to_events(codec.decode_response(sample("completion_text.json")))
    chunks = chunks_of(b"".join(encoder.encode(event) for event in events))
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "Grüß dich, Welt 🌍"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
