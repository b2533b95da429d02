"""Whole answers, both ways.

Source: OpenAI API reference, "The chat completion object"; openai-python 2 types, read 2026-11-22.
"""

from typing import Any, assert_never

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.base import Encoded, InvalidBody
from proxy.codecs.gemini_generate.signatures import own
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.content import annotation_of, text_of
from proxy.codecs.openai_chat.fields import DIALECT, array, integer, optional, record, required, string
from proxy.codecs.openai_chat.finish import decode_finish, encode_finish, invented_id, is_near
from proxy.codecs.openai_chat.messages import arguments_text, is_tool_call
from proxy.codecs.openai_chat.usage import CARRIED, decode_usage, encode_usage
from proxy.codecs.openai_custom import call_for_chat
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice

OBJECT = "chat.completion"
RESPONSE_EXTRA = frozenset({"system_fingerprint", "moderation", "provider", "prompt_filter_results", "citations", "search_results"})
"""Top-level fields without a canonical place that are kept, and written back: `ChatResponse.extra` may be another dialect's."""
_CHOICE_EXTRA = frozenset({"native_finish_reason", "content_filter_results"})
_MESSAGE = frozenset(
    {"role", "content", "refusal", "annotations", "audio", "function_call", "tool_calls", "reasoning_content", "reasoning"}
)
TIERS = {
    "auto": "auto",
    "default": "default",
    "standard": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "fast",
}


def decode_response(body: bytes) -> ChatResponse:
    """Raises InvalidBody also where a choice has no finish_reason: the answer is not whole."""
    answer = parse_object(body)
    refuse_error(answer)
    response_id = optional(answer, "id", string, "") or ""
    created = optional(answer, "created", integer(), "")
    choices = required(answer, "choices", array, "")
    if not choices:
        raise InvalidBody("choices is empty", "choices")
    usage = optional(answer, "usage", record, "")
    tier = optional(answer, "service_tier", string, "")
    return ChatResponse(
        id=response_id,
        model=optional(answer, "model", string, "") or "",
        choices=tuple(_choice(record(item, f"choices[{i}]"), i, (response_id, created)) for i, item in enumerate(choices)),
        usage=None if usage is None else decode_usage(usage, tier),
        created=created,
        service_tier=tier,
        extra={key: answer[key] for key in RESPONSE_EXTRA & answer.keys() if answer[key] is not None},
    )


def refuse_error(answer: dict[str, Any]) -> None:
    """Raise InvalidBody for an error object that came with a success status."""
    error = answer.get("error")
    if error and "choices" not in answer:
        text = error.get("message") if isinstance(error, dict) else error
        raise InvalidBody(f"The answer is an error object: {str(text)[:200]}", "error")


def _choice(choice: dict[str, Any], position: int, seed: tuple[object, ...]) -> Choice:
    path = f"choices[{position}]"
    index = optional(choice, "index", integer(0), path)
    message = required(choice, "message", record, path)
    parts = _parts(message, f"{path}.message", (*seed, position))
    calls = any(isinstance(part, ToolUsePart | OpaquePart) and _is_call(part) for part in parts)
    reason = required(choice, "finish_reason", string, path)
    finish = decode_finish(reason, calls=calls)
    stop_sequence = choice.get("stop_reason") if finish == "stop" else None
    extra = {key: choice[key] for key in _CHOICE_EXTRA & choice.keys() if choice[key] is not None}
    if encode_finish(finish, calls=calls, refused=False) != reason:
        extra["finish_reason"] = reason
    rest = {key: value for key, value in message.items() if key not in _MESSAGE and value is not None}
    if rest:
        extra["message"] = rest
    return Choice(
        index=position if index is None else index,
        content=tuple(parts),
        finish="stop_sequence" if isinstance(stop_sequence, str) else finish,
        stop_sequence=stop_sequence if isinstance(stop_sequence, str) else None,
        logprobs=optional(choice, "logprobs", record, path),
        extra=extra,
    )


def _is_call(part: ToolUsePart | OpaquePart) -> bool:
    return isinstance(part, ToolUsePart) or is_tool_call(part)


def _parts(message: dict[str, Any], path: str, seed: tuple[object, ...]) -> list[Part]:
    parts: list[Part] = []
    thinking = message.get("reasoning_content")
    if not isinstance(thinking, str) or not thinking:
        thinking = message.get("reasoning")
    if isinstance(thinking, str) and thinking:
        parts.append(ThinkingPart(text=thinking))
    given = optional(message, "annotations", array, path) or ()
    annotations = tuple(record(item, f"{path}.annotations[{i}]") for i, item in enumerate(given))
    if message.get("content") is not None:
        text = text_of(message["content"], f"{path}.content")
        parts.append(TextPart(text=text, citations=annotations, citations_dialect=DIALECT if annotations else None))
    if refusal := optional(message, "refusal", string, path):
        parts.append(RefusalPart(text=refusal))
    if (audio := optional(message, "audio", record, path)) is not None:
        parts.append(audio_part(audio))
    if (call := optional(message, "function_call", record, path)) is not None:
        parts.append(_call({"function": call}, f"{path}.function_call", (*seed, "function_call")))
    for i, item in enumerate(optional(message, "tool_calls", array, path) or ()):
        parts.append(_call(record(item, f"{path}.tool_calls[{i}]"), f"{path}.tool_calls[{i}]", (*seed, i)))
    return parts


def audio_part(audio: dict[str, Any]) -> OpaquePart:
    """Spoken answers stay this dialect's own: id, data, transcript and expiry belong together."""
    return OpaquePart(dialect=DIALECT, value={"type": "audio", "audio": audio})


def _call(call: dict[str, Any], path: str, seed: tuple[object, ...]) -> Part:
    kind = optional(call, "type", string, path) or "function"
    call_id = optional(call, "id", string, path)
    if kind != "function":
        return OpaquePart(dialect=DIALECT, value={**call, "id": call_id or invented_id("call_", *seed)})
    function = required(call, "function", record, path)
    name = required(function, "name", string, f"{path}.function")
    arguments = arguments_text(function.get("arguments"), f"{path}.function.arguments")
    return ToolUsePart(id=call_id or invented_id("call_", *seed, name, arguments), name=name, arguments=arguments)


def encode_response(response: ChatResponse, created: int) -> Encoded:
    """`created`: Unix seconds for an answer whose dialect has no time. Reports by canonical names (`choices[0].content[1]`)."""
    dropped: list[str] = []
    body: dict[str, Any] = {
        "id": answer_id(response.id, response.model, response.created),
        "object": OBJECT,
        "created": created if response.created is None else response.created,
        "model": response.model,
        "choices": [_encode_choice(choice, dropped) for choice in response.choices],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    if (tier := TIERS.get(response.service_tier or "")) is not None:
        body["service_tier"] = tier
    body.update((key, value) for key, value in response.extra.items() if key in RESPONSE_EXTRA)
    dropped += lost_usage(response.usage, CARRIED) + lost_fields(response.extra, RESPONSE_EXTRA)
    return Encoded(body, tuple(dict.fromkeys(dropped)))


def answer_id(given: str, *seed: object) -> str:
    """Some servers send none, but clients need one."""
    return given or invented_id("chatcmpl-", *seed)


def _encode_choice(choice: Choice, dropped: list[str]) -> dict[str, Any]:
    message = _Answer(choice.content, f"choices[{choice.index}].content", dropped)
    for index, part in enumerate(choice.content):
        message.add(part, index)
    if choice.stop_sequence is not None:
        dropped.append("stop_sequence")
    original, refused = choice.extra.get("finish_reason"), message.refusal is not None
    finish = encode_finish(choice.finish, calls=bool(message.calls), refused=refused, original=original)
    if is_near(choice.finish, refused=refused, original=original):
        dropped.append("finish_reason")
    rest = choice.extra.get("message", {})
    return {
        "index": choice.index,
        "message": {**message.body(legacy=finish == "function_call"), **rest},
        "logprobs": choice.logprobs,
        "finish_reason": finish,
        **{key: value for key, value in choice.extra.items() if key in _CHOICE_EXTRA},
    }


def signed_call(signature: str | None) -> dict[str, Any]:
    """A Gemini call's thought signature where Google's own OpenAI-compatible endpoint has it, or nothing: clients that hand the call
    back as they got it hand it back too. Source: ai.google.dev "Thought signatures", OpenAI compatibility, read 2026-11-25."""
    google = own(signature)
    return {} if google is None else {"extra_content": {"google": {"thought_signature": google}}}


class _Answer:
    """The `message` object of one choice, gathered part by part."""

    def __init__(self, content: tuple[Part, ...], path: str, dropped: list[str]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refusal: str | None = None
        self._content = content
        self._path = path
        self._dropped = dropped
        self._signature: str | None = None
        """Of the call that comes next."""
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._annotations: list[dict[str, Any]] = []
        self._audio: dict[str, Any] | None = None

    def add(self, part: Part, index: int) -> None:
        match part:
            case TextPart():
                self._text.append(part.text)
                found = [annotation_of(citation, part.citations_dialect) for citation in part.citations]
                self._annotations += [annotation for annotation in found if annotation is not None]
                if None in found:
                    self._dropped.append(f"{self._path}[{index}].citations")
            case ThinkingPart():
                if part.text:
                    self._thinking.append(part.text)
                if part.signature:
                    self._sign(part, index)
            case RefusalPart():
                self.refusal = (self.refusal or "") + part.text
            case ToolUsePart():
                function = {"name": part.name, "arguments": part.arguments or "{}"}
                self.calls.append({"id": part.id, "type": "function", "function": function, **signed_call(self._signature)})
                self._signature = None
            case AudioPart():
                self._audio = {"id": part.id or "", "data": part.data or "", "expires_at": 0, "transcript": ""}
            case OpaquePart() if part.dialect == DIALECT:
                self._own(part, index)
            case OpaquePart() if (call := call_for_chat(part)) is not None:
                self.calls.append(call)
            case OpaquePart() | ImagePart() | DocumentPart() | ToolResultPart() | RedactedThinkingPart():
                self._dropped.append(f"{self._path}[{index}]")
            case _:
                assert_never(part)

    def _sign(self, part: ThinkingPart, index: int) -> None:
        """A signature without text is that of the next part: only a call has a place for it."""
        after = self._content[index + 1] if index + 1 < len(self._content) else None
        if not part.text and isinstance(after, ToolUsePart) and signed_call(part.signature):
            self._signature = part.signature
        else:
            self._dropped.append(f"{self._path}[{index}].signature")

    def _own(self, part: OpaquePart, index: int) -> None:
        if part.value.get("type") == "audio":
            self._audio = part.value["audio"]
        elif is_tool_call(part):
            self.calls.append(part.value)
        else:
            self._dropped.append(f"{self._path}[{index}]")

    def body(self, *, legacy: bool) -> dict[str, Any]:
        """`legacy`: the call goes into `function_call`."""
        out: dict[str, Any] = {"role": "assistant", "content": "".join(self._text) if self._text else None, "refusal": self.refusal}
        if self._thinking:
            out["reasoning_content"] = "".join(self._thinking)
        if self._annotations:
            out["annotations"] = self._annotations
        if self._audio is not None:
            out["audio"] = self._audio
        if legacy and self.calls:
            out["function_call"] = self.calls[0]["function"]
        elif self.calls:
            out["tool_calls"] = self.calls
        return out
