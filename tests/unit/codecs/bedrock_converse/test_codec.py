"""The codec as a whole; what boto3 makes of it is in tests/contract."""

from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.events import StreamEnd
from tests.support.converse_samples import CLAUDE, request_of, user, wire

CODEC = BedrockConverseCodec()


def test_settings_of_the_codec() -> None:
    """Its name, the type of its streams, the output share beside a thinking budget; nothing follows a stream."""
    assert (CODEC.name, CODEC.stream_type) == (DIALECT, b"application/vnd.amazon.eventstream")
    assert CODEC.finish_stream(b"x", include_usage=True, metadata=b"{}") == b""
    request = OpenAIChatCodec().decode_request(
        {"model": CLAUDE, "messages": [{"role": "user", "content": "u"}], "reasoning_effort": "low"}, {}
    )
    assert BedrockConverseCodec(default_max_tokens=10).encode_request(request).body["inferenceConfig"] == {"maxTokens": 2058}
    whole = CODEC.decode_response(wire("answer_text.json"))
    assert CODEC.response_to_events(whole)[-1] == StreamEnd()
    assert CODEC.facts(wire("answer_text.json")).usage == whole.usage
    assert CODEC.decode_error(429, wire("error.json"), {}).retryable
    assert CODEC.watcher().keep_alive() == b""
    assert CODEC.decode_request(request_of(user("u")), {}).dialect == DIALECT
