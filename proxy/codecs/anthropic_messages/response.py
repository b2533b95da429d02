"""Whole answers, both ways. Source: anthropic SDK 2.12, types/message.py, read 2026-11-22."""

from typing import Any

import msgspec

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.anthropic_messages import fields
from proxy.codecs.anthropic_messages.blocks import decode_content
from proxy.codecs.anthropic_messages.finish import NEAR, decode_finish, encode_finish
from proxy.codecs.anthropic_messages.inputs import parse_arguments
from proxy.codecs.anthropic_messages.parts import encode_part
from proxy.codecs.anthropic_messages.shape import Residue
from proxy.codecs.anthropic_messages.usage import CARRIED, decode_tier, decode_usage, encode_tier, encode_usage
from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.core.messages import Part, RefusalPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice, Usage

_FIELDS = frozenset(("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"))
EXTRA = frozenset(("container", "context_management", "diagnostics", "stop_details"))
"""Fields of a message without a canonical place, which this dialect's encoder writes back."""


def decode_response(body: bytes) -> ChatResponse:
    message = _parse(body)
    usage = fields.as_object(message.get("usage"), "usage")
    reason = fields.text(message, "stop_reason", "")
    choice = Choice(
        content=decode_content(fields.as_array(message.get("content"), "content"), "content", Residue()),
        finish=decode_finish(reason),
        stop_sequence=fields.optional_text(message, "stop_sequence", ""),
        extra={"stop_reason": reason} if decode_finish(reason) == "other" else {},
    )
    return ChatResponse(
        id=fields.text(message, "id", ""),
        model=fields.text(message, "model", ""),
        choices=(choice,),
        usage=decode_usage(usage),
        service_tier=decode_tier(usage),
        extra={key: value for key, value in message.items() if key not in _FIELDS},
    )


def _parse(body: bytes) -> dict[str, Any]:
    message = parse_object(body)
    if message.get("type") != "message":
        raise InvalidBody(f"type: expected message, got {message.get('type')!r}", "type")
    return message


def encode_response(response: ChatResponse) -> Encoded:
    """The first choice; the names of what is lost are those of the canonical answer (`choices[1]`, `logprobs`)."""
    dropped = [f"choices[{i}]" for i in range(1, len(response.choices))]
    choice = response.choices[0] if response.choices else Choice(finish="other")
    if choice.logprobs is not None:
        dropped.append("logprobs")
    content = [encode_answer_part(part, f"content[{i}]", dropped) for i, part in enumerate(choice.content)]
    message = {
        "id": response.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": [block for block in content if block is not None],
        "stop_reason": choice.extra.get("stop_reason") or _finish(choice),
        "stop_sequence": choice.stop_sequence,
        "usage": answer_usage(response.usage, response.service_tier),
    }
    message.update((key, value) for key, value in response.extra.items() if key in EXTRA)
    if choice.finish in NEAR and "stop_reason" not in choice.extra:
        dropped.append("finish_reason")
    if response.service_tier is not None and encode_tier(response.service_tier) is None:
        dropped.append("service_tier")
    dropped += lost_usage(response.usage, CARRIED) + lost_fields(response.extra, EXTRA)
    return Encoded(message, tuple(dict.fromkeys(dropped)))


def _finish(choice: Choice) -> str:
    return encode_finish(
        choice.finish,
        tools=any(isinstance(part, ToolUsePart) for part in choice.content),
        refused=any(isinstance(part, RefusalPart) for part in choice.content),
    )


def answer_usage(usage: Usage | None, tier: str | None) -> dict[str, Any]:
    encoded = encode_usage(usage)
    wire_tier = encode_tier(tier)
    if wire_tier is not None:
        encoded.setdefault("service_tier", wire_tier)
    return encoded


def encode_answer_part(part: Part, path: str, dropped: list[str]) -> dict[str, Any] | None:
    """A block of an answer: unlike a request's, thinking needs no signature (the SDK wants the field), empty text is none, and
    arguments that are no JSON object (cut off by the token limit) become an empty input, reported."""
    if isinstance(part, ThinkingPart):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
    if isinstance(part, ToolUsePart):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part, path, dropped)}
    if isinstance(part, RefusalPart):
        return {"type": "text", "text": part.text} if part.text else None  # the stop reason says what it is
    block = encode_part(part, path, dropped, own=True)
    return None if block == {"type": "text", "text": ""} else block


def _input(part: ToolUsePart, path: str, dropped: list[str]) -> dict[str, Any]:
    try:
        return parse_arguments(part.arguments, path)
    except InvalidBody:
        dropped.append(f"{path}.input")
        return {}


class _Block(msgspec.Struct, gc=False):
    type: str


class _Message(msgspec.Struct, gc=False):
    """What `facts` reads; everything else is skipped unparsed."""

    id: str
    type: str
    model: str
    usage: dict[str, Any]
    content: list[_Block]
    stop_reason: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(_Message)


def answer_facts(body: bytes) -> BodyFacts:
    try:
        message = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidBody(f"not a Messages answer: {exc}") from None
    if message.type != "message":
        raise InvalidBody(f"type: expected message, got {message.type!r}", "type")
    return BodyFacts(
        response_id=message.id,
        model=message.model,
        usage=decode_usage(message.usage),
        has_metadata=bytes(message.metadata) != b"null",
        tool_calls=any(block.type == "tool_use" for block in message.content),
        finished=message.stop_reason is not None,
    )
