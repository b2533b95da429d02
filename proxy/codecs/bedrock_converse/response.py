"""Whole answers, both ways. They name neither an id (a header does) nor the model.

Source: botocore 1.44.5, bedrock-runtime service model (ConverseResponse), read 2026-11-25.
"""

from typing import Any

import msgspec

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.anthropic_messages.inputs import parse_arguments
from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.bedrock_converse import fields
from proxy.codecs.bedrock_converse.blocks import PLAIN_TYPES, decode_content
from proxy.codecs.bedrock_converse.finish import NEAR, decode_finish, encode_finish
from proxy.codecs.bedrock_converse.models import TargetFacts
from proxy.codecs.bedrock_converse.parts import Block, BlockWriter, thinking_block
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.codecs.bedrock_converse.usage import CARRIED, decode_usage, encode_usage, tier_of
from proxy.codecs.jsonbody import parse_object
from proxy.core.messages import Part, RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice

_READ = frozenset(("output", "stopReason", "usage", "serviceTier"))
EXTRA = frozenset(("metrics", "additionalModelResponseFields", "trace", "performanceConfig"))
"""Fields of an answer without a canonical place, which this dialect's encoder writes back."""
_NO_LATENCY = {"latencyMs": 0}
"""Required by the SDK's shape; a codec has no clock."""
_TIERS = {"default": "default", "standard": "default", "priority": "priority", "flex": "flex", "reserved": "reserved"}


def decode_response(body: bytes) -> ChatResponse:
    answer = parse_object(body)
    output = fields.as_object(fields.required(answer, "output", ""), "output")
    message = fields.as_object(fields.required(output, "message", "output"), "output.message")
    path = "output.message.content"
    content = decode_content(fields.required(message, "content", "output.message"), path, path, Shape())
    reason = fields.text(answer, "stopReason", "")
    usage = fields.optional_object(answer, "usage")
    return ChatResponse(
        id="",
        model="",
        choices=(Choice(content=content, finish=decode_finish(reason), extra=_reason_extra(reason)),),
        usage=None if usage is None else decode_usage(usage, tier=tier_of(answer.get("serviceTier"), answer.get("performanceConfig"))),
        service_tier=decode_tier(answer),
        extra={key: value for key, value in answer.items() if key not in _READ},
    )


def _reason_extra(reason: str) -> dict[str, Any]:
    """The word itself where the canonical one does not give it back."""
    return {} if encode_finish(decode_finish(reason), tools=False, refused=False) == reason else {"stopReason": reason}


def decode_tier(answer: dict[str, Any], path: str = "") -> str | None:
    tier = fields.optional_object(answer, "serviceTier", path)
    return None if tier is None else fields.optional_text(tier, "type", fields.join(path, "serviceTier"))


def encode_tier(tier: str | None) -> Block | None:
    """None for a tier that Bedrock does not have."""
    return {"type": _TIERS[tier]} if tier in _TIERS else None


def encode_response(response: ChatResponse) -> Encoded:
    """The first choice; the names of what is lost are those of the canonical answer (`choices[1]`, `logprobs`)."""
    dropped = [f"choices[{i}]" for i in range(1, len(response.choices))]
    choice = response.choices[0] if response.choices else Choice(finish="other")
    if choice.logprobs is not None:
        dropped.append("logprobs")
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": encode_answer(choice.content, dropped)}},
        "stopReason": encode_finish(
            choice.finish,
            tools=any(isinstance(part, ToolUsePart) for part in choice.content),
            refused=any(isinstance(part, RefusalPart) for part in choice.content),
            original=choice.extra.get("stopReason"),
        ),
        "usage": encode_usage(response.usage),
        "metrics": _NO_LATENCY,
    }
    if (tier := encode_tier(response.service_tier)) is not None:
        body["serviceTier"] = tier
    elif response.service_tier is not None:
        dropped.append("service_tier")
    body.update((key, value) for key, value in response.extra.items() if key in EXTRA)
    if choice.finish in NEAR and "stopReason" not in choice.extra:
        dropped.append("finish_reason")
    dropped += lost_usage(response.usage, CARRIED) + lost_fields(response.extra, EXTRA)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def encode_answer(content: tuple[Part, ...], dropped: list[str]) -> list[Block]:
    writer = BlockWriter(_ALL, dropped)
    return [block for i, part in enumerate(content) for block in _answer_blocks(part, f"content[{i}]", writer)]


_ALL = TargetFacts(claude=True, caches=True)


def _answer_blocks(part: Part, path: str, writer: BlockWriter) -> list[Block]:
    """Unlike in a request thinking needs no signature and a call keeps its id; empty text is none; arguments that are no JSON object
    (cut off by the token limit) become an empty input, reported."""
    if isinstance(part, ThinkingPart):
        return [thinking_block(part)]
    if isinstance(part, ToolUsePart):
        return [{"toolUse": {"toolUseId": part.id, "name": part.name, "input": _input(part, path, writer.dropped)}}]
    blocks = writer.write(part, path)
    return [] if isinstance(part, TextPart | RefusalPart) and blocks == [{"text": ""}] else blocks


def _input(part: ToolUsePart, path: str, dropped: list[str]) -> dict[str, Any]:
    try:
        return parse_arguments(part.arguments, path)
    except InvalidBody:
        dropped.append(f"{path}.input")
        return {}


class _Message(msgspec.Struct, gc=False):
    content: list[dict[str, msgspec.Raw]]


class _Output(msgspec.Struct, gc=False):
    message: _Message


class _Answer(msgspec.Struct, gc=False):
    """What `facts` reads; everything else is skipped unparsed."""

    output: _Output
    stopReason: str
    usage: dict[str, Any] | None = None
    serviceTier: Any = None
    performanceConfig: Any = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(_Answer)


def answer_facts(body: bytes) -> BodyFacts:
    try:
        answer = _decoder.decode(body)
        called = any(_is_call(block) for block in answer.output.message.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidBody(f"not a Converse answer: {exc}") from None
    return BodyFacts(
        usage=None if answer.usage is None else decode_usage(answer.usage, tier=tier_of(answer.serviceTier, answer.performanceConfig)),
        has_metadata=bytes(answer.metadata) != b"null",
        tool_calls=called,
    )


class _Call(msgspec.Struct, gc=False):
    type: str | None = None


def _is_call(block: dict[str, msgspec.Raw]) -> bool:
    """A server tool's call is none of the client's."""
    call = block.get("toolUse")
    return call is not None and msgspec.json.decode(call, type=_Call).type in PLAIN_TYPES
