"""The codec as one object."""

from typing import Any

from proxy.codecs.accumulate import response_to_events
from proxy.codecs.anthropic_messages import DEFAULT_MAX_TOKENS, AnthropicMessagesCodec
from proxy.codecs.anthropic_messages.models import ModelFacts
from proxy.codecs.anthropic_messages.shape import WireRequest
from proxy.codecs.base import Codec
from proxy.core.errors import ErrorInfo
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest, Reasoning
from proxy.core.response import ChatResponse

BODY: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


def foreign(**fields: Any) -> ChatRequest:
    message = Message(role="user", content=(TextPart(text="hi"),), path="messages[0]")
    return ChatRequest(dialect="openai_chat", model="m", messages=(message,), **fields)


def test_it_is_a_codec() -> None:
    """All that the protocol asks for, under its name."""
    codec: Codec = AnthropicMessagesCodec()
    assert codec.name == "anthropic_messages"
    assert codec.stream_encoder(foreign(include_usage=True)).dropped == []
    assert codec.stream_decoder().feed(b"") == []
    assert codec.watcher().feed(b"") == b""


def test_request_of_its_own_dialect_comes_back() -> None:
    """Without regard to what the model accepts: its provider judges."""
    codec = AnthropicMessagesCodec()
    body = {**BODY, "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 7}}
    assert codec.encode_request(codec.decode_request(body, {})).body == body


def test_default_limit_is_an_argument() -> None:
    """The API requires `max_tokens`."""
    assert AnthropicMessagesCodec().encode_request(foreign()).body["max_tokens"] == DEFAULT_MAX_TOKENS
    assert AnthropicMessagesCodec(default_max_tokens=77).encode_request(foreign()).body["max_tokens"] == 77


def test_model_facts_are_an_argument() -> None:
    """A catalogue may know better than the name."""
    codec = AnthropicMessagesCodec(facts_of=lambda model: ModelFacts(thinking="none", sampling="none"))
    assert codec.encode_request(foreign(temperature=0.3, reasoning=Reasoning(effort="low"))).dropped == ("reasoning", "temperature")


def test_the_last_event_is_the_last_word() -> None:
    """`finish_stream` adds nothing."""
    assert AnthropicMessagesCodec().finish_stream(b"", include_usage=True, metadata=b"{}") == b""


def test_delegates() -> None:
    """Answers, errors, facts and replay are those of the modules."""
    codec = AnthropicMessagesCodec()
    response = ChatResponse(id="i", model="m", choices=())
    body = b'{"id":"i","type":"message","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}'
    assert codec.encode_response(response).body["id"] == "i"
    assert codec.decode_response(body).usage == codec.facts(body).usage
    assert codec.decode_error(429, codec.encode_error(ErrorInfo(status=429, message="m")), {}).message == "m"
    assert codec.response_to_events(response) == response_to_events(response)


def test_betas_stand_in_a_header() -> None:
    """Kept for the dialect that has them in its body; this one never writes them into its own."""
    codec = AnthropicMessagesCodec()
    request = codec.decode_request(BODY, {"anthropic-beta": "a, b,"})
    assert isinstance(request, WireRequest)
    assert request.betas == ("a", "b")
    assert codec.encode_request(request).body == BODY
