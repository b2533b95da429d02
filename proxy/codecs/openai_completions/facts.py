"""What the passthrough lane needs to know of a whole answer, without decoding it as a whole."""

from typing import Any

import msgspec

from proxy.codecs.base import BodyFacts, InvalidBody
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.openai_completions.response import decode_response


class _Choice(msgspec.Struct, gc=False):
    text: str
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
    """Raises InvalidBody where the body is no completion: HTML, an error object, choices missing or of the wrong type."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The decoder says what is wrong in terms of the API; what only the typed look refuses is rare.
        decode_response(body)
        raise InvalidBody("The answer is not a completion") from None
    return BodyFacts(
        response_id=answer.id,
        model=answer.model,
        created=answer.created,
        usage=None if answer.usage is None else decode_usage(answer.usage, answer.service_tier),
        has_metadata=answer.metadata is not msgspec.UNSET,
        finished=bool(answer.choices) and all(choice.finish_reason is not None for choice in answer.choices),
    )
