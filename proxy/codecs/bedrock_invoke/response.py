"""Whole answers of every family, told apart by their form."""

from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.bedrock_invoke import llama, titan
from proxy.codecs.bedrock_invoke.family import Family
from proxy.codecs.jsonbody import parse_object
from proxy.core.messages import ToolUsePart
from proxy.core.response import ChatResponse


def decode_response(codec: AnthropicMessagesCodec, body: bytes) -> ChatResponse:
    """Raises InvalidBody, also for a form that is none of those known. Titan's and Llama's answers have neither id nor model."""
    answer = parse_object(body)
    if answer.get("type") == "message":
        return codec.decode_response(body)
    if "results" in answer:
        return titan.decode_response(answer)
    if "generation" in answer:
        return llama.decode_response(answer)
    raise InvalidBody(f"The answer has none of the forms of Claude, Titan or Llama: {_beginning(answer)}")


def encode_response(codec: AnthropicMessagesCodec, response: ChatResponse, family: Family | None) -> Encoded:
    if family not in ("titan", "llama"):
        return codec.encode_response(response)
    dropped: list[str] = []
    body = titan.encode_response(response, dropped) if family == "titan" else llama.encode_response(response, dropped)
    dropped += [f"choices[{choice.index}].logprobs" for choice in response.choices if choice.logprobs is not None]
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def answer_facts(codec: AnthropicMessagesCodec, body: bytes) -> BodyFacts:
    """An answer of another vendor's form is taken for whole, with nothing known of it. Raises InvalidBody: no JSON object."""
    answer = parse_object(body)
    if answer.get("type") == "message":
        return codec.facts(body)
    if "results" not in answer and "generation" not in answer:
        return BodyFacts()
    response = decode_response(codec, body)
    calls = any(isinstance(part, ToolUsePart) for choice in response.choices for part in choice.content)
    return BodyFacts(usage=response.usage, tool_calls=calls)


def _beginning(answer: dict[str, Any]) -> str:
    return ", ".join(list(answer)[:5])[:100] or "an empty object"
