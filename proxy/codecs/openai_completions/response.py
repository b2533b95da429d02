"""Whole answers, both ways.

Source: OpenAI API reference, "The completion object (legacy)"; openai-python 3 types, read 2026-11-25.
"""

from typing import Any, assert_never

from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.fields import array, integer, optional, record, required, string
from proxy.codecs.openai_chat.finish import decode_finish, invented_id
from proxy.codecs.openai_chat.response import TIERS, refuse_error
from proxy.codecs.openai_chat.usage import decode_usage, encode_usage
from proxy.codecs.openai_completions.logprobs import decode_logprobs, encode_logprobs
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    OpaquePart,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice, FinishReason

OBJECT = "text_completion"
RESPONSE_EXTRA = frozenset({"system_fingerprint", "provider"})
_REASONS = frozenset({"stop", "length", "content_filter"})


def decode_response(body: bytes) -> ChatResponse:
    """Raises InvalidBody also where a choice has no finish_reason: the answer is not whole."""
    answer = parse_object(body)
    refuse_error(answer)
    choices = required(answer, "choices", array, "")
    if not choices:
        raise InvalidBody("choices is empty", "choices")
    usage = optional(answer, "usage", record, "")
    tier = optional(answer, "service_tier", string, "")
    return ChatResponse(
        id=optional(answer, "id", string, "") or "",
        model=optional(answer, "model", string, "") or "",
        choices=tuple(_choice(record(item, f"choices[{i}]"), i) for i, item in enumerate(choices)),
        usage=None if usage is None else decode_usage(usage, tier),
        created=optional(answer, "created", integer(), ""),
        service_tier=tier,
        extra={key: answer[key] for key in RESPONSE_EXTRA & answer.keys() if answer[key] is not None},
    )


def encode_response(response: ChatResponse, created: int) -> Encoded:
    """`created`: of answers whose dialect has no time. Thinking, calls and whatever is no text are reported."""
    dropped: list[str] = []
    when = created if response.created is None else response.created
    body: dict[str, Any] = {
        "id": answer_id(response.id, response.model, when),
        "object": OBJECT,
        "created": when,
        "model": response.model,
        "choices": [_encode_choice(choice, dropped) for choice in response.choices],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    if (tier := TIERS.get(response.service_tier or "")) is not None:
        body["service_tier"] = tier
    for key, value in response.extra.items():
        if key in RESPONSE_EXTRA:
            body[key] = value
        else:
            dropped.append(key)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def answer_id(given: str, *seed: object) -> str:
    """Some servers send none, but clients need one."""
    return given or invented_id("cmpl-", *seed)


def encode_reason(finish: FinishReason) -> str:
    """The three that the SDK's strict parse accepts; calls, pauses and the rest are a stop to a client that sees none of them."""
    if finish in ("length", "context_length"):
        return "length"
    return "content_filter" if finish in ("content_filter", "refusal") else "stop"


def _choice(choice: dict[str, Any], position: int) -> Choice:
    path = f"choices[{position}]"
    index = optional(choice, "index", integer(0), path)
    text = required(choice, "text", string, path)
    reason = required(choice, "finish_reason", string, path)
    finish = decode_finish(reason, calls=False)
    stop_sequence = choice.get("stop_reason") if finish == "stop" else None
    logprobs = optional(choice, "logprobs", record, path)
    return Choice(
        index=position if index is None else index,
        content=(TextPart(text=text),),
        finish="stop_sequence" if isinstance(stop_sequence, str) else finish,
        stop_sequence=stop_sequence if isinstance(stop_sequence, str) else None,
        logprobs=None if logprobs is None else decode_logprobs(logprobs, f"{path}.logprobs"),
    )


def _encode_choice(choice: Choice, dropped: list[str]) -> dict[str, Any]:
    texts = []
    for i, part in enumerate(choice.content):
        match part:
            case TextPart():
                texts.append(part.text)
                if part.citations:
                    dropped.append(f"choices[{choice.index}].content[{i}].citations")
            case RefusalPart():
                texts.append(part.text)
            case (
                ThinkingPart()
                | RedactedThinkingPart()
                | ToolUsePart()
                | ToolResultPart()
                | ImagePart()
                | DocumentPart()
                | AudioPart()
                | OpaquePart()
            ):
                dropped.append(f"choices[{choice.index}].content[{i}]")
            case _:
                assert_never(part)
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    logprobs = None if choice.logprobs is None else encode_logprobs(choice.logprobs, 0)[0]
    return {"index": choice.index, "text": "".join(texts), "logprobs": logprobs, "finish_reason": encode_reason(choice.finish)}
