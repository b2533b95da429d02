"""Claude's requests."""

from typing import Any

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


def test_what_the_path_says_is_not_sent_on() -> None:
    """A Messages upstream gets no `stream: false` that its client never wrote."""
    body = {**sample("request_claude"), "stream": False}
    assert "stream" not in CODEC.encode_request(decode_request(CODEC, body)).body


def test_betas_of_a_messages_client() -> None:
    """From its header into the body; those that Bedrock refuses are reported."""
    body = {"model": "anthropic.claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}

    def encoded(header: str) -> tuple[Any, tuple[str, ...]]:
        result = encode_request(CODEC, CODEC.decode_request(body, {"anthropic-beta": header}))
        return result.body.get("anthropic_beta"), result.dropped

    assert encoded("context-1m-2025-08-07") == (["context-1m-2025-08-07"], ())
    assert encoded("context-1m-2025-08-07, other") == (["context-1m-2025-08-07"], ("anthropic-beta",))
    assert encoded("other") == (None, ("anthropic-beta",))
    assert encoded(" , ") == (None, ())


def test_from_chat() -> None:
    """With the version; a service tier is a header at Bedrock, so it is reported."""
    chat = {"model": "anthropic.claude-x", "messages": [{"role": "user", "content": "hi"}], "service_tier": "auto", "max_tokens": 5}
    encoded = encode_request(CODEC, OpenAIChatCodec().decode_request(chat, {}))
    assert encoded.body["anthropic_version"] == "bedrock-2023-05-31"
    assert encoded.body["stream"] is False
    assert "service_tier" not in encoded.body
    assert encoded.dropped == ("service_tier",)
