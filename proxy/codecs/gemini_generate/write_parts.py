"""Canonical parts → parts of a content, whatever dialect they came from.

What the API cannot carry or only approximates is reported by its path in the client's request:

    thinking of other providers, cache hints, citations     left out
    an image's detail                                       left out
    audio by an earlier answer's id, a foreign file id      left out
    a file in a function's response, before Gemini 3        follows as a part of its own
    a text document, a refusal                              become text
    a document's name                                       left out
"""

from typing import Any, assert_never

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import signatures
from proxy.codecs.gemini_generate.fields import DIALECT
from proxy.codecs.gemini_generate.functions import parse_arguments, response_of
from proxy.codecs.gemini_generate.media import encode_media
from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.part_path import detail_path, result_path, title_path
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

Parts = list[dict[str, Any]]


class PartWriter:
    """`own`: the request came from this dialect. Raises InvalidBody on arguments that are no JSON object, on results without a call
    and on unusable data URLs."""

    def __init__(self, facts: ModelFacts, dropped: list[str], names: dict[str, str], *, own: bool, named: bool = True) -> None:
        """`named`: a document's title is the client's own choice (Converse insists on one)."""
        self._facts = facts
        self._dropped = dropped
        self._own = own
        self._named = named
        self._names = names
        """Call id → the function's name, which responses need."""

    def write(self, part: Part, path: str, name: str | None = None) -> Parts:
        """None, one or several. `name`: of the message, for a result whose call is not in the history."""
        match part:
            case TextPart():
                return self._text(part, path)
            case ToolUsePart():
                return [self._call(part, path)]
            case ToolResultPart():
                return self._result(part, path, name)
            case ImagePart() | DocumentPart() | AudioPart():
                return self._media(part, path)
            case ThinkingPart():
                return self._thinking(part, path)
            case RefusalPart():
                self._dropped.append(path)
                return [{"text": part.text}] if part.text else []
            case OpaquePart():
                return [dict(part.value)] if part.dialect == DIALECT else self._drop(path)
            case RedactedThinkingPart():
                return self._drop(path)
            case _:
                assert_never(part)

    def _text(self, part: TextPart, path: str) -> Parts:
        """The API refuses empty text."""
        self._hint(part, path)
        if part.citations and part.citations_dialect != DIALECT:
            self._dropped.append(f"{path}.citations")
        return [{"text": part.text}] if part.text or self._own else []

    def _thinking(self, part: ThinkingPart, path: str) -> Parts:
        signature = signatures.own(part.signature)
        if signature is None and not self._own:
            return self._drop(path)
        out: dict[str, Any] = {"text": part.text, "thought": True}
        if signature is not None:
            out["thoughtSignature"] = signature
        return [out]

    def _call(self, part: ToolUsePart, path: str) -> dict[str, Any]:
        self._hint(part, path)
        call: dict[str, Any] = {"name": part.name, "args": parse_arguments(part.arguments, path)}
        return {"functionCall": {"id": part.id, **call} if part.id else call}

    def _result(self, part: ToolResultPart, path: str, name: str | None) -> Parts:
        self._hint(part, path)
        name = self._names.get(part.tool_use_id) or name
        if not name:
            raise InvalidBody(f"{path}: no tool call of the conversation has the id {part.tool_use_id[:80]!r}", path)
        texts: list[str] = []
        files: Parts = []
        for i, item in enumerate(part.content):
            where = result_path(path, i)
            if isinstance(item, TextPart):
                self._hint(item, where)
                texts.append(item.text)
            else:
                files += self._file(item, where)
        response = response_of("\n".join(texts), is_error=part.is_error)
        result: dict[str, Any] = {"id": part.tool_use_id, "name": name, "response": response}
        if files and (self._facts.nested_media or self._own):
            result["parts"] = files
            files = []
        return [{"functionResponse": result}, *files]

    def _file(self, item: ImagePart | DocumentPart | OpaquePart, where: str) -> Parts:
        written = self.write(item, where)
        if written and not self._facts.nested_media and not self._own:
            self._dropped.append(where)
        return written

    def _media(self, part: ImagePart | DocumentPart | AudioPart, path: str) -> Parts:
        if not isinstance(part, AudioPart):
            self._hint(part, path)
        if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
            self._dropped.append(detail_path(path))
        if isinstance(part, DocumentPart):
            if part.citations:
                self._dropped.append(f"{path}.citations")
            lines = [line for line in (part.title, part.context, part.text) if line]
            if part.text is not None:
                self._dropped.append(path)
                return [{"text": "\n\n".join(lines)}] if lines else []
            if part.title is not None and self._named and not self._own:
                self._dropped.append(title_path(path))
            if part.context is not None:
                self._dropped.append(f"{path}.context")
        media = encode_media(part, path)
        return self._drop(path) if media is None else [media]

    def _hint(self, part: TextPart | ImagePart | DocumentPart | ToolUsePart | ToolResultPart, path: str) -> None:
        if part.cache is not None:
            self._dropped.append(f"{path}.cache_control")

    def _drop(self, path: str) -> Parts:
        self._dropped.append(path)
        return []
