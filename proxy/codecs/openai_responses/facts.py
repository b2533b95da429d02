"""What the passthrough lane needs to know of a whole answer, without decoding it as a whole."""

from typing import Any

import msgspec

from proxy.codecs.base import BodyFacts, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.fields import array, number, optional, record, required, string
from proxy.codecs.openai_responses.response import refuse_error
from proxy.codecs.openai_responses.usage import decode_usage


class _Item(msgspec.Struct, gc=False):
    type: str


class _Answer(msgspec.Struct, gc=False):
    output: list[_Item]
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    usage: dict[str, Any] | None = None
    service_tier: Any = None
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Answer).decode


def answer_facts(body: bytes) -> BodyFacts:
    """Raises InvalidBody where the body is no response object. One that failed, is queued or in progress (`background`) is a response, but
    not finished."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _refused(body) from None
    return BodyFacts(
        response_id=answer.id,
        model=answer.model,
        created=None if answer.created_at is None else int(answer.created_at),
        usage=None if answer.usage is None else decode_usage(answer.usage, answer.service_tier),
        has_metadata=answer.metadata is not msgspec.UNSET,
        tool_calls=any(item.type in ("function_call", "custom_tool_call") for item in answer.output),
        finished=answer.status in (None, "completed", "complete", "incomplete"),
    )


def _refused(body: bytes) -> InvalidBody:
    """Why the typed decoder did not like it, in terms of the API."""
    try:
        answer = parse_object(body)
        refuse_error(answer)
        for key, check in (("id", string), ("model", string), ("status", string), ("usage", record), ("created_at", number())):
            optional(answer, key, check, "")
        for i, item in enumerate(required(answer, "output", array, "")):
            required(record(item, f"output[{i}]"), "type", string, f"output[{i}]")
    except InvalidBody as exc:
        return exc
    return InvalidBody("The answer is not a response object")
