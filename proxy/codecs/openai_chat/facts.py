"""What the passthrough lane needs to know of a whole answer, without decoding it as a whole."""

from typing import Any

import msgspec

from proxy.codecs.base import BodyFacts, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.fields import array, integer, optional, record, required, string
from proxy.codecs.openai_chat.response import refuse_error
from proxy.codecs.openai_chat.usage import decode_usage


class _Message(msgspec.Struct, gc=False):
    tool_calls: list[msgspec.Raw] | None = None
    function_call: dict[str, Any] | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Message
    finish_reason: str | None = None


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: dict[str, Any] | None = None
    service_tier: Any = None
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Answer).decode


def answer_facts(body: bytes) -> BodyFacts:
    """Raises InvalidBody where the body is no chat completion: HTML, an error object, choices missing or of the wrong type."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _refused(body) from None
    finished = bool(answer.choices)
    calls = False
    for choice in answer.choices:
        if choice.finish_reason is None:
            finished = False
        if choice.message.tool_calls or choice.message.function_call:
            calls = True
    return BodyFacts(
        response_id=answer.id,
        model=answer.model,
        created=answer.created,
        usage=None if answer.usage is None else decode_usage(answer.usage, answer.service_tier),
        has_metadata=answer.metadata is not msgspec.UNSET,
        tool_calls=calls,
        finished=finished,
    )


def _refused(body: bytes) -> InvalidBody:
    """Why the typed decoder did not like it, in terms of the API."""
    try:
        answer = parse_object(body)
        refuse_error(answer)
        for key, check in (("id", string), ("model", string), ("created", integer()), ("usage", record)):
            optional(answer, key, check, "")
        for i, item in enumerate(required(answer, "choices", array, "")):
            choice = record(item, f"choices[{i}]")
            message = required(choice, "message", record, f"choices[{i}]")
            optional(choice, "finish_reason", string, f"choices[{i}]")
            optional(message, "tool_calls", array, f"choices[{i}].message")
            optional(message, "function_call", record, f"choices[{i}].message")
    except InvalidBody as exc:
        return exc
    return InvalidBody("The answer is not a chat completion")
