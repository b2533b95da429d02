"""Canonical messages → `instructions` and input items.

What this dialect cannot carry or only approximates is reported by its path in the client's request:

    thinking that this API did not make, or (from another dialect's client) without encrypted content; redacted thinking    left out
    opaque parts and citations of other dialects, cache hints, names of speakers     left out
    is_error of a tool result                      there is no flag: the text alone says so
    a text document                                becomes a text part
    file ids of other providers                    left out (OpenAI chat's are the same)
"""

from typing import Any, assert_never

from proxy.codecs.openai_chat.fields import restore
from proxy.codecs.openai_custom import call_for_responses
from proxy.codecs.openai_responses.content import encode_audio, encode_file, encode_image, encode_text, loses_citations
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.thinking import JOINT, encode_reasoning, is_own, is_sealed
from proxy.codecs.part_path import part_path, result_path
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

Items = list[dict[str, Any]]
_OPENAI = frozenset({DIALECT, "openai_chat"})


class ItemWriter:
    """One request's messages; `dropped` collects paths."""

    def __init__(self, request: ChatRequest) -> None:
        self.dropped: list[str] = []
        self.instructions: str | None = None
        self._messages = request.messages
        self._dialect = request.dialect
        self._same = request.dialect == DIALECT
        self._openai = request.dialect in _OPENAI
        self._custom: set[str] = set()
        """Ids of calls of chat's custom tools, whose results are called otherwise."""

    def write(self) -> str | Items:
        """The value of `input`; sets `instructions`."""
        messages = list(self._messages)
        if self._same:
            if messages and messages[0].path == "instructions":
                self.instructions = _text_of(messages.pop(0))
            if len(messages) == 1 and messages[0].path == "input" and _is_plain(messages[0]):
                return _text_of(messages[0])
            return [item for message in messages for item in self._own_items(message)]
        leading: list[str] = []
        while messages and messages[0].role in ("system", "developer") and _is_plain(messages[0]):
            leading.append(self._told(messages.pop(0)))
        self.instructions = JOINT.join(text for text in leading if text) or None
        return [item for message in messages for item in self._items(message)]

    def _told(self, message: Message) -> str:
        """Text of leading instructions; what hangs on it is reported."""
        self._report(message)
        for i, part in enumerate(message.content):
            if isinstance(part, TextPart) and part.cache is not None:
                self.dropped.append(f"{part_path(message, i, self._dialect)}.cache_control")
        return _text_of(message)

    def _own_items(self, message: Message) -> Items:
        items = self._items(message)
        if not items and not message.content:
            items = [{"role": message.role, "content": []}]
        if len(items) != 1:
            return items
        item = items[0]
        own = {key: value for key, value in message.own.items() if value != "list" and not _is_stale(key, value, message)}
        if item.get("type") == "reasoning":
            own = self._same_reasoning(item, own)
        elif "role" in item and message.own.get("content") == "list" and isinstance(item["content"], str):
            item["content"] = [encode_text(TextPart(text=item["content"]), output=message.role == "assistant")]
        elif isinstance(item.get("output"), str) and message.own.get("output") == "list":
            item["output"] = [{"type": "input_text", "text": item["output"]}] if item["output"] or _has_parts(message) else []
        _without_invented(item, message)
        restore(item, message.extra)
        restore(item, own)
        return [item]

    def _same_reasoning(self, item: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
        """The client's own texts while they still say what the part says."""
        texts = [entry["text"] for key in ("summary", "content") for entry in own.get(key) or () if entry["text"]]
        written = [entry["text"] for key in ("summary", "content") for entry in item.get(key, ())]
        if JOINT.join(texts) == JOINT.join(written):
            item.pop("content", None)
            item.pop("summary", None)
            if not own.get("id"):
                item.pop("id")
            return own
        return {key: value for key, value in own.items() if key not in ("summary", "content")}

    def _items(self, message: Message) -> Items:
        """Content parts that stand together are one message; calls, results, reasoning and opaque items stand alone."""
        if not self._same:
            self._report(message)
        items: Items = []
        content: Items = []
        for index, part in enumerate(message.content):
            where = part_path(message, index, self._dialect)
            if isinstance(part, OpaquePart) and part.dialect == DIALECT and not message.single:
                content.append(part.value)
            elif isinstance(part, ToolUsePart | ToolResultPart | ThinkingPart | RedactedThinkingPart | OpaquePart):
                if content:
                    items.append(_message(message, content))
                    content = []
                items += self._item(part, where)
            else:
                content += self._part(part, where, output=message.role == "assistant")
        if content:
            items.append(_message(message, content))
        return items

    def _item(self, part: ToolUsePart | ToolResultPart | ThinkingPart | RedactedThinkingPart | OpaquePart, where: str) -> Items:
        match part:
            case ToolUsePart():
                if part.cache is not None:
                    self.dropped.append(f"{where}.cache_control")
                arguments = part.arguments if part.arguments or self._same else "{}"
                return [{"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}]
            case ToolResultPart():
                return [self._result(part, where)]
            case ThinkingPart():
                if self._same and is_own(part):
                    return [encode_reasoning(part)]
                return [encode_reasoning(part)] if is_sealed(part) else self._drop(where)
            case RedactedThinkingPart():
                return self._drop(where)
            case OpaquePart():
                if part.dialect == DIALECT:
                    return [part.value]
                if (call := call_for_responses(part)) is None:
                    return self._drop(where)
                self._custom.add(call["call_id"])
                return [call]
            case _:
                assert_never(part)

    def _result(self, part: ToolResultPart, where: str) -> dict[str, Any]:
        if part.is_error:
            self.dropped.append(f"{where}.is_error")
        if part.cache is not None:
            self.dropped.append(f"{where}.cache_control")
        parts: Items = []
        for i, item in enumerate(part.content):
            parts += self._part(item, result_path(where, i), output=False)
        plain = not parts or (len(parts) == 1 and parts[0].keys() == {"type", "text"})
        output = (parts[0]["text"] if parts else "") if plain else parts
        kind = "custom_tool_call_output" if part.tool_use_id in self._custom else "function_call_output"
        return {"type": kind, "call_id": part.tool_use_id, "output": output}

    def _part(self, part: Part, where: str, *, output: bool) -> Items:
        """The content part, or none where this role or dialect has no place for it."""
        if output and not self._same and not isinstance(part, TextPart | RefusalPart):
            return self._drop(where)
        match part:
            case TextPart():
                if loses_citations(part) or (part.citations and not output):
                    self.dropped.append(f"{where}.citations")
                return [self._cached(encode_text(part, output=output), part, where)]
            case ImagePart():
                if part.file_id is not None and not self._openai:
                    return self._drop(where)
                return [self._cached(encode_image(part), part, where)]
            case DocumentPart():
                return self._document(part, where)
            case AudioPart():
                return [encode_audio(part)] if part.data is not None else self._drop(where)
            case RefusalPart():
                return [{"type": "refusal", "refusal": part.text}]
            case OpaquePart() if part.dialect == DIALECT:
                return [part.value]
            case OpaquePart() | ThinkingPart() | RedactedThinkingPart() | ToolUsePart() | ToolResultPart():
                return self._drop(where)
            case _:
                assert_never(part)

    def _document(self, part: DocumentPart, where: str) -> Items:
        if part.citations or (part.context is not None and part.text is None):
            self.dropped.append(f"{where}.{'citations' if part.citations else 'context'}")
        if part.text is not None:
            self.dropped.append(where)
            lines = [line for line in (part.title, part.context, part.text) if line]
            return [self._cached({"type": "input_text", "text": JOINT.join(lines)}, part, where)]
        if part.file_id is not None and not self._openai:
            return self._drop(where)
        out = encode_file(part)
        if part.data is not None and part.title is None and not self._same:
            out["filename"] = "document.pdf"
        return [self._cached(out, part, where)]

    def _cached(self, out: dict[str, Any], part: TextPart | ImagePart | DocumentPart, where: str) -> dict[str, Any]:
        if part.cache is not None:
            self.dropped.append(f"{where}.cache_control")
        return out

    def _report(self, message: Message) -> None:
        if message.name is not None:
            self.dropped.append(f"{message.path}.name")
        self.dropped += [f"{message.path}.{key}" for key, value in message.extra.items() if value not in (None, False)]

    def _drop(self, where: str) -> Items:
        self.dropped.append(where)
        return []


def _message(message: Message, content: Items) -> dict[str, Any]:
    """A string where one plain text is all there is."""
    only = content[0]
    plain = len(content) == 1 and only.get("type") in ("input_text", "output_text") and not only.get("annotations")
    return {"role": message.role, "content": only["text"] if plain else content}


def _is_plain(message: Message) -> bool:
    return all(isinstance(part, TextPart) for part in message.content)


def _text_of(message: Message) -> str:
    return JOINT.join(part.text for part in message.content if isinstance(part, TextPart) and part.text)


def _has_parts(message: Message) -> bool:
    return any(isinstance(part, ToolResultPart) and part.content for part in message.content)


def _without_invented(item: dict[str, Any], message: Message) -> None:
    """The empty `annotations` of a written text that the client's own part did not have."""
    content = item.get("content")
    if "role" not in item or not isinstance(content, list):
        return
    for i, part in enumerate(content):
        if part.get("annotations") == [] and f"content[{i}].annotations" not in message.own and not _is_opaque(message, i):
            del part["annotations"]


def _is_stale(key: str, value: Any, message: Message) -> bool:
    """Whether these are log probabilities of another text than the part has now: their tokens would tell what it was."""
    if not key.endswith(".logprobs") or not value:
        return False
    index = int(key[key.index("[") + 1 : key.index("]")])
    part = message.content[index] if index < len(message.content) else None
    tokens = "".join(str(entry.get("token")) for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ""
    return not isinstance(part, TextPart) or tokens != part.text


def _is_opaque(message: Message, index: int) -> bool:
    return index < len(message.content) and isinstance(message.content[index], OpaquePart)
