"""Claude's requests."""

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.bedrock_invoke.claude import decode_request, encode_request
from proxy.codecs.openai_chat import OpenAIChatCodec
from tests.support.invoke_samples import sample

CODEC = AnthropicMessagesCodec()


def test_the_sample_comes_back() -> None:
    """Version, betas and cache points included; it is a Messages request to everybody else."""
    body = sample("request_claude")
    request = decode_request(CODEC, body)
    assert request.dialect == "anthropic_messages"
    assert request.stream
    encoded = encode_request(CODEC, request)
    assert (encoded.body, encoded.dropped) == (body, ())


def test_from_chat() -> None:
    """With the version; a service tier is a header at Bedrock, so it is reported."""
    chat = {"model": "anthropic.claude-x", "messages": [{"role": "user", "content": "hi"}], "service_tier": "auto", "max_tokens": 5}
    encoded = encode_request(CODEC, OpenAIChatCodec().decode_request(chat, {}))
    assert encoded.body["anthropic_version"] == "bedrock-2023-05-31"
    assert encoded.body["stream"] is False
    assert "service_tier" not in encoded.body
    assert encoded.dropped == ("service_tier",)
