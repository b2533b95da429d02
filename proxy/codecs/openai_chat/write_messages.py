"""Canonical messages → OpenAI messages.

What this dialect cannot carry or only approximates is reported by its path in the client's request:

    thinking and redacted thinking of other dialects, their opaque parts, citations, cache hints     left out
    images and files inside a tool result    tool messages take text only: they follow in the next user message
    is_error of a tool result                there is no flag: the text alone says so
    a text document                          becomes a text part
    a document by URL, a foreign file id     left out
"""

from typing import Any, assert_never

from proxy.codecs.openai_chat.content import encode_cache, encode_file, encode_image
from proxy.codecs.openai_chat.fields import DIALECT, restore
from proxy.codecs.openai_chat.messages import is_tool_call
from proxy.codecs.openai_custom import call_for_chat, result_for_chat
from proxy.codecs.part_path import result_path
from proxy.core.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
)
from proxy.core.request import ChatRequest

_SEE_BELOW = "(attached to the next message)"
"""Text of a tool message whose result has no text of its own."""


class MessageWriter:
    """One request's messages; `dropped` collects paths."""

    def __init__(self, request: ChatRequest) -> None:
        self.dropped: list[str] = []
        self._messages = request.messages
        self._paths = request.paths
        self._dialect = request.dialect
        self._same = request.dialect == DIALECT
        self._attachments: list[dict[str, Any]] = []
        """Parts of tool results that wait for a user message: nothing may stand between the results of one turn's calls."""

    def write(self) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for message in self._messages:
            if message.single and (told := result_for_chat(message.content[0])) is not None:
                out.append(told)
                continue
            results = [(i, part) for i, part in enumerate(message.content) if isinstance(part, ToolResultPart)]
            out += [self._result(message, i, part) for i, part in results]
            if len(results) < len(message.content) or not results:
                self._flush(out, message)
        if self._attachments:
            out.append({"role": "user", "content": self._take_attachments()})
        return out

    def _flush(self, out: list[dict[str, Any]], message: Message) -> None:
        """The message without its tool results, the waiting attachments before it or as its first parts."""
        written = self._assistant(message) if message.role == "assistant" else self._plain(message)
        if message.single and message.content and not (written["content"] or written.get("tool_calls")) and not self._same:
            return
        if self._attachments and message.role == "user":
            content = written.get("content") or []
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            written["content"] = [*self._take_attachments(), *parts]
        elif self._attachments:
            out.append({"role": "user", "content": self._take_attachments()})
        if message.role == "user" and message.content and not written["content"] and not self._same:
            return
        if self._dialect == "openai_responses" and message.role == "assistant" and out and out[-1]["role"] == "assistant":
            _join(out[-1], written)
        else:
            out.append(written)

    def _take_attachments(self) -> list[dict[str, Any]]:
        taken, self._attachments = self._attachments, []
        return taken

    def _plain(self, message: Message) -> dict[str, Any]:
        parts = self._parts(message)
        out: dict[str, Any] = {"role": message.role, "content": self._content(message, parts)}
        return self._finish(out, message)

    def _assistant(self, message: Message) -> dict[str, Any]:
        out: dict[str, Any] = {"role": "assistant", "content": None}
        calls: list[dict[str, Any]] = []
        parts: list[dict[str, Any]] = []
        for index, part in enumerate(message.content):
            where = _part_path(message, index)
            if isinstance(part, ToolUsePart):
                calls.append(self._call(part, where))
            elif isinstance(part, OpaquePart) and part.dialect == DIALECT and is_tool_call(part):
                calls.append(part.value)
            elif (call := call_for_chat(part)) is not None:
                calls.append(call)
            elif isinstance(part, ThinkingPart) and self._same:
                field = self._paths.get(f"{message.path}.reasoning_content", "reasoning_content")
                out[field.rpartition(".")[2]] = part.text
            elif isinstance(part, RefusalPart) and f"{message.path}.refusal" not in self._paths:
                out["refusal"] = part.text
            elif isinstance(part, AudioPart) and part.id is not None:
                out["audio"] = {"id": part.id}
            elif not isinstance(part, ToolResultPart):
                parts += self._part(part, where, "assistant")
        out["content"] = self._content(message, parts) if parts or f"{message.path}.content" in self._paths else None
        if calls and f"{message.path}.tool_calls" in self._paths:
            out["function_call"] = calls[0]["function"]
            calls = calls[1:]
        if calls:
            out["tool_calls"] = calls
        elif len(out) == 2 and out["content"] is None and not self._same:
            out["content"] = ""
        return self._finish(out, message)

    def _call(self, part: ToolUsePart, where: str) -> dict[str, Any]:
        if part.cache is not None:
            self.dropped.append(f"{where}.cache_control")
        arguments = part.arguments if part.arguments or self._same else "{}"
        return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}

    def _result(self, message: Message, index: int, part: ToolResultPart) -> dict[str, Any]:
        """One tool message. The client's own one is written as it came."""
        own = self._same and message.role == "tool"
        where = message.path if own else _part_path(message, index)
        if part.is_error:
            self.dropped.append(f"{where}.is_error")
        if part.cache is not None:
            self.dropped.append(f"{where}.cache_control")
        parts: list[dict[str, Any]] = []
        waiting = len(self._attachments)
        for i, item in enumerate(part.content):
            path = result_path(where, i)
            written = self._part(item, path, "tool")
            if own or isinstance(item, TextPart | OpaquePart):
                parts += written
            elif written:
                self._attachments += written
                self.dropped.append(path)
        if not parts and len(self._attachments) > waiting:
            parts.append({"type": "text", "text": _SEE_BELOW})
        content = self._content(message, parts) if own or len(parts) > 1 else "".join(item["text"] for item in parts)
        if own and f"{message.path}.tool_call_id" in self._paths:
            legacy = {"role": "function", "name": message.name, "content": content if part.content else None}
            return self._finish(legacy, message)
        out = {"role": "tool", "tool_call_id": part.tool_use_id, "content": content}
        return self._finish(out, message) if own else out

    def _finish(self, out: dict[str, Any], message: Message) -> dict[str, Any]:
        if message.name is not None:
            out["name"] = message.name
        if message.extra:
            if self._same:
                restore(out, message.extra)
            else:
                self.dropped += [f"{message.path}.{key}" for key, value in message.extra.items() if value is not None]
        return out

    def _content(self, message: Message, parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        """A string where one plain text is all there is, unless the client sent a list."""
        if f"{message.path}.content" in self._paths:
            return parts
        if not parts:
            return ""
        if len(parts) == 1 and parts[0]["type"] == "text" and len(parts[0]) == 2:
            text: str = parts[0]["text"]
            return text
        return parts

    def _parts(self, message: Message) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for index, part in enumerate(message.content):
            if not isinstance(part, ToolResultPart):
                out += self._part(part, _part_path(message, index), message.role)
        return out

    def _part(self, part: Part, where: str, role: str) -> list[dict[str, Any]]:
        """The content part, or none where this role or dialect has no place for it."""
        match part:
            case TextPart():
                return [self._text(part, where)]
            case ImagePart():
                return self._image(part, where) if role in ("user", "tool") or self._same else self._drop(where)
            case DocumentPart():
                return self._document(part, where) if role in ("user", "tool") or self._same else self._drop(where)
            case AudioPart():
                if part.data is None or (role != "user" and not self._same):
                    return self._drop(where)
                return [{"type": "input_audio", "input_audio": {"data": part.data, "format": part.format or "wav"}}]
            case RefusalPart():
                return [{"type": "refusal", "refusal": part.text}]
            case OpaquePart():
                return [part.value] if part.dialect == DIALECT else self._drop(where)
            case ThinkingPart() | RedactedThinkingPart() | ToolUsePart() | ToolResultPart():
                return self._drop(where)
            case _:
                assert_never(part)

    def _text(self, part: TextPart, where: str) -> dict[str, Any]:
        if part.citations:
            self.dropped.append(f"{where}.citations")
        return self._cached({"type": "text", "text": part.text}, part, where)

    def _image(self, part: ImagePart, where: str) -> list[dict[str, Any]]:
        if part.url is None and part.data is None:
            return self._drop(where)
        return [self._cached(encode_image(part), part, where)]

    def _document(self, part: DocumentPart, where: str) -> list[dict[str, Any]]:
        if part.citations or (part.context is not None and part.text is None):
            self.dropped.append(f"{where}.{'citations' if part.citations else 'context'}")
        if part.text is not None:
            self.dropped.append(where)
            lines = [line for line in (part.title, part.context, part.text) if line]
            return [self._cached({"type": "text", "text": "\n\n".join(lines)}, part, where)]
        shared = part.file_id is not None and self._dialect == "openai_responses"  # one store of files
        if part.data is None and not self._same and not shared:
            return self._drop(where)
        out = encode_file(part)
        if part.title is None and not self._same and not shared:
            out["file"]["filename"] = "document.pdf"
        return [self._cached(out, part, where)]

    def _cached(self, out: dict[str, Any], part: TextPart | ImagePart | DocumentPart, where: str) -> dict[str, Any]:
        if part.cache is not None:
            if self._same:
                out["cache_control"] = encode_cache(part.cache)
            else:
                self.dropped.append(f"{where}.cache_control")
        return out

    def _drop(self, where: str) -> list[dict[str, Any]]:
        self.dropped.append(where)
        return []


def _join(turn: dict[str, Any], more: dict[str, Any]) -> None:
    """Two assistant messages in a row (OpenAI's Responses has one for each item) are one turn: nothing may stand between its calls and
    their results."""
    first, second = turn.get("content"), more.get("content")
    if first and second:
        lists = [[{"type": "text", "text": part}] if isinstance(part, str) else part for part in (first, second)]
        turn["content"] = lists[0] + lists[1]
    else:
        turn["content"] = first or second
    if more.get("tool_calls"):
        turn["tool_calls"] = [*turn.get("tool_calls", ()), *more["tool_calls"]]
    turn.update((key, value) for key, value in more.items() if key not in ("role", "content", "tool_calls"))


def _part_path(message: Message, index: int) -> str:
    """Client's path of a part: a top-level `system` (Anthropic) is itself the list."""
    if message.single:
        return message.path
    return f"{message.path}[{index}]" if message.path == "system" else f"{message.path}.content[{index}]"
