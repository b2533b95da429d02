"""Whole answers, both ways. Source: ai.google.dev "GenerateContentResponse", "Candidate", google-genai 3.6 types, read 2026-11-25."""

from hashlib import blake2b
from typing import Any

import msgspec

from proxy.codecs.answer_loss import lost_fields
from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.answer import SOURCES, CallIds, decode_answer_part, decode_sources, encode_answer_parts
from proxy.codecs.gemini_generate.finish import NEAR, decode_finish, encode_finish
from proxy.codecs.gemini_generate.logprobs import decode_logprobs, encode_logprobs
from proxy.codecs.gemini_generate.usage import decode_tier, decode_usage, encode_tier, encode_usage, lost
from proxy.codecs.jsonbody import parse_object
from proxy.core.messages import Part, TextPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice

RESPONSE_EXTRA = frozenset(("promptFeedback", "createTime", "modelStatus"))
_CHOICE_EXTRA = frozenset(("safetyRatings", "finishMessage", "tokenCount", "avgLogprobs"))


def decode_response(body: bytes) -> ChatResponse:
    """Raises InvalidBody also where a candidate has no finishReason: the answer is not whole."""
    answer = parse_object(body)
    refuse_error(answer)
    response_id = fields.optional_text(answer, "responseId", "") or ""
    ids = CallIds(response_id or blake2b(body, digest_size=12).hexdigest())
    usage = fields.optional_object(answer, "usageMetadata", "")
    candidates = fields.optional_list(answer, "candidates", "")
    choices = [_choice(fields.as_object(item, f"candidates[{i}]"), i, ids) for i, item in enumerate(candidates)]
    if not choices:
        if not block_reason(answer):
            raise InvalidBody("candidates is missing", "candidates")
        choices = [Choice(finish="content_filter")]
    return ChatResponse(
        id=response_id,
        model=fields.optional_text(answer, "modelVersion", "") or "",
        choices=tuple(choices),
        usage=None if usage is None else decode_usage(usage),
        service_tier=None if usage is None else decode_tier(usage),
        extra={key: answer[key] for key in RESPONSE_EXTRA & answer.keys() if answer[key]},
    )


def refuse_error(answer: dict[str, Any]) -> None:
    """Raise InvalidBody for an error object that came with a success status."""
    error = answer.get("error")
    if error and "candidates" not in answer:
        text = error.get("message") if isinstance(error, dict) else error
        raise InvalidBody(f"The answer is an error object: {str(text)[:200]}", "error")


def block_reason(answer: dict[str, Any]) -> str | None:
    """Why the prompt was refused; such an answer has no candidates."""
    feedback = answer.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return reason if isinstance(reason, str) and reason else None


def _choice(candidate: dict[str, Any], position: int, ids: CallIds) -> Choice:
    path = f"candidates[{position}]"
    index = fields.optional_integer(candidate, "index", path)
    index = position if index is None else index
    reason = fields.text(candidate, "finishReason", path)
    content = _content(candidate, path, index, ids)
    finish = decode_finish(reason, calls=any(isinstance(part, ToolUsePart) for part in content))
    result = fields.optional_object(candidate, "logprobsResult", path)
    extra = {key: candidate[key] for key in _CHOICE_EXTRA & candidate.keys() if candidate[key] is not None}
    if encode_finish(finish) != reason:
        extra["finishReason"] = reason
    if result is not None:
        extra["logprobsResult"] = result
    return Choice(
        index=index,
        content=content,
        finish=finish,
        logprobs=None if result is None else decode_logprobs(result),
        extra=extra,
    )


def _content(candidate: dict[str, Any], path: str, index: int, ids: CallIds) -> tuple[Part, ...]:
    """Sources belong to the last text; an empty one carries them where there is none."""
    content = fields.optional_object(candidate, "content", path) or {}
    parts: list[Part] = []
    for i, item in enumerate(fields.optional_list(content, "parts", f"{path}.content")):
        at = f"{path}.content.parts[{i}]"
        parts += decode_answer_part(fields.as_object(item, at), at, index, ids)
    sources = tuple(decode_sources(candidate))
    if sources:
        place = next((i for i in reversed(range(len(parts))) if isinstance(parts[i], TextPart)), None)
        text = parts[place] if place is not None else None
        cited = TextPart(text=text.text if isinstance(text, TextPart) else "", citations=sources, citations_dialect=fields.DIALECT)
        if place is None:
            parts.append(cited)
        else:
            parts[place] = cited
    return tuple(parts)


def encode_response(response: ChatResponse) -> Encoded:
    """The names of what is lost are those of the canonical answer (`choices[0].content[1]`)."""
    dropped: list[str] = []
    body: dict[str, Any] = {}
    blocked = block_reason(response.extra) is not None and not any(choice.content for choice in response.choices)
    if not blocked:
        body["candidates"] = [_candidate(choice, dropped) for choice in response.choices]
    body.update((key, value) for key, value in response.extra.items() if key in RESPONSE_EXTRA)
    dropped += lost_fields(response.extra, RESPONSE_EXTRA) + lost(response.usage)
    if response.usage is not None:
        body["usageMetadata"] = {**encode_tier(response.service_tier), **encode_usage(response.usage)}
    elif response.service_tier is not None:
        dropped.append("service_tier")
    body["modelVersion"] = response.model
    body["responseId"] = response.id
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def _candidate(choice: Choice, dropped: list[str]) -> dict[str, Any]:
    parts = encode_answer_parts(choice.content, f"choices[{choice.index}].content", dropped)
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    reason = choice.extra.get("finishReason") or encode_finish(choice.finish)
    if choice.finish in NEAR and "finishReason" not in choice.extra:
        dropped.append("finish_reason")
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    out: dict[str, Any] = {"content": content, "finishReason": reason, "index": choice.index}
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    if choice.logprobs is not None:
        out["logprobsResult"] = choice.extra.get("logprobsResult") or encode_logprobs(choice.logprobs)
    out.update((key, value) for key, value in choice.extra.items() if key in _CHOICE_EXTRA)
    for part in choice.content:
        if isinstance(part, TextPart) and part.citations_dialect == fields.DIALECT:
            for source in part.citations:
                out.update((key, value) for key, value in source.items() if key in SOURCES)
    return out


class _Candidate(msgspec.Struct, gc=False):
    finishReason: str | None = None
    content: dict[str, Any] | None = None


class _Feedback(msgspec.Struct, gc=False):
    blockReason: str | None = None


class _Answer(msgspec.Struct, gc=False):
    candidates: list[_Candidate] | None = None
    promptFeedback: _Feedback | None = None
    usageMetadata: dict[str, Any] | None = None
    responseId: str | None = None
    modelVersion: str | None = None
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Answer).decode


def answer_facts(body: bytes) -> BodyFacts:
    """Raises InvalidBody where the body is no answer of generateContent."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidBody(f"not a generateContent answer: {exc}") from None
    candidates = answer.candidates or []
    blocked = answer.promptFeedback is not None and bool(answer.promptFeedback.blockReason)
    if not candidates and not blocked:
        refuse_error(parse_object(body))
        raise InvalidBody("candidates is missing", "candidates")
    return BodyFacts(
        response_id=answer.responseId,
        model=answer.modelVersion,
        usage=None if answer.usageMetadata is None else decode_usage(answer.usageMetadata),
        has_metadata=answer.metadata is not msgspec.UNSET,
        tool_calls=any(_calls(candidate.content) for candidate in candidates),
        finished=all(candidate.finishReason is not None for candidate in candidates),
    )


def _calls(content: dict[str, Any] | None) -> bool:
    parts = (content or {}).get("parts")
    return isinstance(parts, list) and any(isinstance(part, dict) and "functionCall" in part for part in parts)
