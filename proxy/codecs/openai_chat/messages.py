"""OpenAI messages → canonical messages.

What the canonical form does not spell out is noted in `paths`, so that the same dialect is written back as it was:

    messages[1].content           messages[1].content[0]     content was a list, though of at most one part
    messages[1].refusal           messages[1].content[0]     the refusal was a part, not the message's own field
    messages[1].reasoning_content messages[1].reasoning      the thinking's field was named so
    messages[1].tool_calls        messages[1].function_call  the call was a legacy one (its id is invented)
    messages[2].tool_call_id      messages[2].name           the result was a legacy one (role "function")
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_text
from proxy.codecs.openai_chat.content import decode_content
from proxy.codecs.openai_chat.fields import DIALECT, array, keep_rest, optional, record, required, string, wrong
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_PLAIN = frozenset({"role", "content", "name"})
_TOOL = frozenset({"role", "content", "name", "tool_call_id"})
_ASSISTANT = frozenset({"role", "content", "name", "refusal", "audio", "function_call", "tool_calls", "reasoning_content"})


def decode_messages(value: Any, paths: dict[str, str], places: dict[str, str]) -> tuple[Message, ...]:
    """`places`: as ChatRequest's, filled here."""
    if value is None:
        raise InvalidBody("messages is required", "messages")
    if not array(value, "messages"):
        raise InvalidBody("Messages cannot be empty", "messages")
    reader = _Reader(paths, places)
    return tuple(reader.message(item, index) for index, item in enumerate(value))


class _Reader:
    def __init__(self, paths: dict[str, str], places: dict[str, str]) -> None:
        self._paths = paths
        self._places = places
        self._function_ids: dict[str, str] = {}
        """Function name → invented id of its latest legacy call."""

    def message(self, value: Any, index: int) -> Message:
        path = f"messages[{index}]"
        message = record(value, path)
        name = required(message, "role", string, path)
        role = _ROLES.get(name)
        if role is None:
            raise InvalidBody(f"{path}.role must be one of {', '.join(_ROLES)}; not {name[:40]!r}", f"{path}.role")
        extra: dict[str, Any] = {}
        if role == "assistant":
            content = self._assistant(message, index, path, extra)
        elif role == "tool":
            content = [self._result(message, path, name == "function", extra)]
        else:
            if message.get("content") is None:
                raise InvalidBody(f"{path}.content is required", f"{path}.content")
            content = decode_content(message["content"], path, extra, self._paths, self._places)
            if len(message) > 2:
                keep_rest(message, _PLAIN, "", extra)
        return Message(role=role, content=tuple(content), name=optional(message, "name", string, path), path=path, extra=extra)

    def _result(self, message: dict[str, Any], path: str, legacy: bool, extra: dict[str, Any]) -> Part:
        if legacy:
            name = required(message, "name", string, path)
            tool_use_id = self._function_ids.get(name, f"call_function_{name}")
            self._paths[f"{path}.tool_call_id"] = f"{path}.name"
        else:
            tool_use_id = required(message, "tool_call_id", string, path)
            if message.get("content") is None:
                raise InvalidBody(f"{path}.content is required", f"{path}.content")
        content = decode_content(message.get("content"), path, extra, self._paths, self._places)
        keep_rest(message, _TOOL, "", extra)
        kept = tuple(part for part in content if isinstance(part, TextPart | ImagePart | DocumentPart | OpaquePart))
        if len(kept) != len(content):
            raise InvalidBody(f"{path}.content may hold text, images and files only", f"{path}.content")
        return ToolResultPart(tool_use_id=tool_use_id, content=kept)

    def _assistant(self, message: dict[str, Any], index: int, path: str, extra: dict[str, Any]) -> list[Part]:
        parts: list[Part] = self._thinking(message, path, extra)
        parts += decode_content(message.get("content"), path, extra, self._paths, self._places)
        if (refusal := optional(message, "refusal", string, path)) is not None:
            said = len(parts) - sum(isinstance(part, ThinkingPart) for part in parts)
            self._places[f"{path}.content[{said}]"] = f"{path}.refusal"
            parts.append(RefusalPart(text=refusal))
        if (audio := optional(message, "audio", record, path)) is not None:
            parts.append(AudioPart(id=required(audio, "id", string, f"{path}.audio")))
            keep_rest(audio, {"id"}, "audio", extra)
        if (call := optional(message, "function_call", record, path)) is not None:
            parts.append(self._function_call(call, index, path))
        calls = optional(message, "tool_calls", array, path) or []
        parts += [_tool_call(call, f"{path}.tool_calls[{i}]", f"tool_calls[{i}]", extra) for i, call in enumerate(calls)]
        rest = {key: value for key, value in message.items() if value is not None} if None in message.values() else message
        keep_rest(rest, _ASSISTANT | {"reasoning"} if f"{path}.reasoning_content" in self._paths else _ASSISTANT, "", extra)
        return parts

    def _thinking(self, message: dict[str, Any], path: str, extra: dict[str, Any]) -> list[Part]:
        """`reasoning_content` (DeepSeek, vLLM) or `reasoning` (OpenRouter, newer vLLM); with both, the second stays in `extra`."""
        text = optional(message, "reasoning_content", string, path)
        if text is None and isinstance(message.get("reasoning"), str):
            text = message["reasoning"]
            self._paths[f"{path}.reasoning_content"] = f"{path}.reasoning"
        return [] if text is None else [ThinkingPart(text=text)]

    def _function_call(self, call: dict[str, Any], index: int, path: str) -> Part:
        where = f"{path}.function_call"
        name = required(call, "name", string, where)
        call_id = self._function_ids[name] = f"call_function_{index}"
        self._paths[f"{path}.tool_calls"] = where
        return ToolUsePart(id=call_id, name=name, arguments=arguments_text(call.get("arguments"), f"{where}.arguments"))


def _tool_call(value: Any, path: str, prefix: str, extra: dict[str, Any]) -> Part:
    call = record(value, path)
    call_id = required(call, "id", string, path)
    kind = optional(call, "type", string, path) or "function"
    if kind != "function":
        required(call, kind, record, path)
        return OpaquePart(dialect=DIALECT, value=call)
    function = required(call, "function", record, path)
    where = f"{path}.function"
    name = required(function, "name", string, where)
    if len(call) > 3:
        keep_rest(call, {"id", "type", "function"}, prefix, extra)
    if len(function) > 2:
        keep_rest(function, {"name", "arguments"}, f"{prefix}.function", extra)
    return ToolUsePart(id=call_id, name=name, arguments=arguments_text(function.get("arguments"), f"{where}.arguments"))


def arguments_text(value: Any, path: str) -> str:
    """JSON text of a call's arguments; some servers give the object itself, or null for none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if not isinstance(value, dict):
        raise wrong(path, "a string of JSON", value)
    return dump_text(value)


def is_tool_call(part: OpaquePart) -> bool:
    """Whether an opaque part of this dialect stood in `tool_calls`: unlike content parts those carry an id beside their kind."""
    return "id" in part.value and isinstance(part.value.get(str(part.value.get("type"))), dict)
