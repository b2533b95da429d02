"""The event stream of streamGenerateContent (`alt=sse`) → canonical events.

Every event is a whole response object with the next parts of its candidates; text and thoughts grow over the events, a call comes in one
piece. There is no last event: a finishReason for every candidate (or the refusal of the prompt) and then the clean end of the body are the
terminal evidence. Older models repeat the finishReason on every event, so it counts at the end only, and so do the ends of text blocks.
Source: ai.google.dev "models.streamGenerateContent", read 2026-11-25.
"""

from hashlib import blake2b
from typing import Any, Literal

import orjson

from proxy.codecs.base import InvalidBody, StreamDecoder
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.answer import CallIds, decode_answer_part, decode_sources
from proxy.codecs.gemini_generate.errors import decode_stream_error
from proxy.codecs.gemini_generate.finish import decode_finish
from proxy.codecs.gemini_generate.logprobs import decode_logprobs
from proxy.codecs.gemini_generate.response import RESPONSE_EXTRA, block_reason
from proxy.codecs.gemini_generate.usage import decode_tier, decode_usage
from proxy.codecs.sse import SSEParser
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, Part, RedactedThinkingPart, TextPart, ThinkingPart, ToolUsePart

MAX_EVENT_BYTES = 24 * 1024 * 1024
"""A generated image of 4096 x 4096 pixels arrives in one event."""

Kind = Literal["text", "thinking"]


class _Choice:
    """One candidate between its first event and the end."""

    __slots__ = ("block", "called", "finish", "kind")

    def __init__(self) -> None:
        self.kind: Kind | None = None
        """Of the block that is open."""
        self.block = -1
        self.called = False
        self.finish: str | None = None


class GeminiStreamDecoder:
    def __init__(self) -> None:
        self._parser = SSEParser(max_event_bytes=MAX_EVENT_BYTES)
        self._choices: dict[int, _Choice] = {}
        self._blocks = 0
        self._ids: CallIds | None = None
        """None before the first event."""
        self._usage: dict[str, Any] = {}
        self._blocked = False
        self._over = False
        self._out: list[StreamEvent] = []

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        self._out = []
        if not self._over:
            for event in self._parser.feed(chunk):
                self._handle(event.data)
                if self._is_over():
                    break
        return self._out

    def close(self) -> list[StreamEvent]:
        """The blocks that are open, the finishes and StreamEnd; nothing where a candidate has no finishReason, or an event is cut."""
        cut = bool(self._parser.close().strip())
        if self._over or cut:
            return []
        self._over = True
        whole = self._choices and all(choice.finish is not None for choice in self._choices.values())
        if not whole and not (self._blocked and not self._choices):
            return []
        self._out = []
        for index, choice in sorted(self._choices.items()):
            self._close_text(choice)
            self._out.append(Finish(choice=index, reason=decode_finish(choice.finish or "", calls=choice.called)))
        if not self._choices:
            self._out.append(Finish(reason="content_filter"))
        self._out.append(StreamEnd())
        return self._out

    def _is_over(self) -> bool:
        return self._over

    def _handle(self, data: bytes) -> None:
        if not data.strip() or data.strip() == b"[DONE]":
            return
        event = parse_event(data)
        if event.get("error"):
            self._over = True
            self._out.append(StreamFailed(error=decode_stream_error(event)))
            return
        usage = fields.optional_object(event, "usageMetadata", "")
        if self._ids is None:
            self._start(event, data, usage)
        for i, item in enumerate(fields.optional_list(event, "candidates", "")):
            self._candidate(fields.as_object(item, f"candidates[{i}]"), f"candidates[{i}]", i)
        self._blocked = self._blocked or block_reason(event) is not None
        if usage:
            self._count(usage)

    def _start(self, event: dict[str, Any], data: bytes, usage: dict[str, Any] | None) -> None:
        response_id = fields.optional_text(event, "responseId", "") or ""
        self._ids = CallIds(response_id or blake2b(data, digest_size=12).hexdigest())
        self._out.append(
            StreamStart(
                id=response_id,
                model=fields.optional_text(event, "modelVersion", "") or "",
                service_tier=None if usage is None else decode_tier(usage),
                extra={key: event[key] for key in RESPONSE_EXTRA & event.keys() if event[key]},
            )
        )

    def _count(self, usage: dict[str, Any]) -> None:
        merged = {**self._usage, **usage}
        if merged != self._usage:
            self._usage = merged
            self._out.append(UsageUpdate(usage=decode_usage(merged)))

    def _candidate(self, candidate: dict[str, Any], path: str, position: int) -> None:
        index = fields.optional_integer(candidate, "index", path, minimum=0)
        index = position if index is None else index
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        content = fields.optional_object(candidate, "content", path) or {}
        for i, item in enumerate(fields.optional_list(content, "parts", f"{path}.content")):
            at = f"{path}.content.parts[{i}]"
            raw = fields.as_object(item, at)
            for part in decode_answer_part(raw, at, index, self._ids or CallIds("")):
                self._part(part, choice, index, thought=raw.get("thought") is True)
        for source in decode_sources(candidate):
            if choice.kind != "text":
                self._open_text(choice, index, "text")
            self._out.append(CitationDelta(block=choice.block, citation=source, dialect=fields.DIALECT))
        result = fields.optional_object(candidate, "logprobsResult", path)
        if result is not None:
            self._out.append(LogprobsDelta(choice=index, logprobs=decode_logprobs(result)))
        choice.finish = fields.optional_text(candidate, "finishReason", path) or choice.finish

    def _part(self, part: Part, choice: _Choice, index: int, *, thought: bool) -> None:
        match part:
            case TextPart():
                self._text(choice, index, "text", part.text)
            case ThinkingPart():
                if not thought:
                    self._close_text(choice)
                self._think(part, choice, index)
            case ToolUsePart():
                self._close_text(choice)
                choice.called = True
                block = self._take()
                self._out += (
                    BlockStart(block=block, kind="tool_use", choice=index, id=part.id, name=part.name),
                    ArgumentsDelta(block=block, json=part.arguments),
                    BlockStop(block=block),
                )
            case OpaquePart() | RedactedThinkingPart():
                self._close_text(choice)
                block = self._take()
                kind: Literal["opaque", "redacted_thinking"] = "opaque" if isinstance(part, OpaquePart) else "redacted_thinking"
                self._out += (BlockStart(block=block, kind=kind, choice=index, part=part), BlockStop(block=block))
            case _:
                raise InvalidBody("an answer holds a part that belongs to requests", "candidates")

    def _think(self, part: ThinkingPart, choice: _Choice, index: int) -> None:
        """A signature ends its block. That of a thought without text signs the thought before it; any other has a block of its own."""
        self._text(choice, index, "thinking", part.text)
        if part.signature is None:
            return
        if choice.kind != "thinking":
            self._open_text(choice, index, "thinking")
        self._out.append(SignatureDelta(block=choice.block, signature=part.signature))
        self._close_text(choice)

    def _text(self, choice: _Choice, index: int, kind: Kind, text: str) -> None:
        if not text:
            return
        if choice.kind != kind:
            self._open_text(choice, index, kind)
        self._out.append(TextDelta(block=choice.block, text=text))

    def _open_text(self, choice: _Choice, index: int, kind: Kind) -> None:
        self._close_text(choice)
        choice.kind = kind
        choice.block = self._take()
        self._out.append(BlockStart(block=choice.block, kind=kind, choice=index))

    def _close_text(self, choice: _Choice) -> None:
        if choice.kind is not None:
            self._out.append(BlockStop(block=choice.block))
            choice.kind = None

    def _take(self) -> int:
        self._blocks += 1
        return self._blocks - 1


def parse_event(data: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise InvalidBody(f"a stream event is not JSON: {exc}") from None
    return fields.as_object(event, "")


_: type[StreamDecoder] = GeminiStreamDecoder
