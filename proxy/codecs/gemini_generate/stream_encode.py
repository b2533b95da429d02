"""Canonical events → the event stream of streamGenerateContent.

Text goes out as it comes; a call waits for its whole arguments, because the API has no deltas of them. finishReason and usage go out
together in the last event, at StreamEnd: before it nothing may look like an end. A signature waits for its block's end, and one
without text for the part after it, whose signature it is.

`array`: one JSON array in place of events (see array.py).
"""

from typing import Any, assert_never

import orjson

from proxy.codecs.answer_loss import lost_fields
from proxy.codecs.base import StreamEncoder
from proxy.codecs.gemini_generate import signatures
from proxy.codecs.gemini_generate.answer import SOURCES, encode_call
from proxy.codecs.gemini_generate.array import ArrayWriter
from proxy.codecs.gemini_generate.errors import encode_error
from proxy.codecs.gemini_generate.fields import DIALECT
from proxy.codecs.gemini_generate.finish import NEAR, encode_finish
from proxy.codecs.gemini_generate.logprobs import encode_logprobs
from proxy.codecs.gemini_generate.response import RESPONSE_EXTRA
from proxy.codecs.gemini_generate.usage import encode_tier, encode_usage, lost
from proxy.codecs.jsonbody import dump_json
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RedactedThinkingPart
from proxy.core.response import Usage

KEEP_ALIVE = b"\n\n"
"""Blank lines: Google's Python SDK takes a comment line for the beginning of JSON and fails (google-genai 3.6, `_RawJsonLineBuffer`)."""


class _Block:
    __slots__ = ("arguments", "shown", "signature", "start")

    def __init__(self, start: BlockStart) -> None:
        self.start = start
        self.arguments: list[str] = []
        self.signature = ""
        self.shown = False
        """Some of its text went out."""


class _Choice:
    __slots__ = ("finish", "pending", "sources")

    def __init__(self) -> None:
        self.finish: Finish | None = None
        self.pending: str | None = None
        """A signature for the next part."""
        self.sources: dict[str, Any] = {}


class GeminiStreamEncoder:
    def __init__(self, *, array: bool = False) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        """Not of this dialect: the last event has the counts."""
        self._array = ArrayWriter() if array else None
        self._base: dict[str, Any] | None = None
        self._shown = False
        self._blocks: dict[int, _Block] = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._blocked = False
        self._over = False

    def encode(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        match event:
            case TextDelta():
                return self._text(event)
            case ArgumentsDelta():
                self._blocks[event.block].arguments.append(event.json)
            case BlockStart():
                return self._start_block(event)
            case BlockStop():
                return self._stop_block(event)
            case SignatureDelta():
                self._blocks[event.block].signature += event.signature
            case Finish():
                self._choice(event.choice).finish = event
                if event.stop_sequence is not None:
                    self._drop("stop_sequence")
                if event.reason in NEAR:
                    self._drop("finish_reason")
            case UsageUpdate():
                self._usage = event.usage
            case CitationDelta():
                self._cite(event)
            case LogprobsDelta():
                return self._chunk({"index": event.choice, "logprobsResult": encode_logprobs(event.logprobs)})
            case StreamStart():
                self._start(event)
            case StreamEnd():
                return self._end()
            case StreamFailed():
                return self.fail(event.error)
            case OpaqueDelta():
                self._drop("opaque")
            case StreamPing():
                pass
            case _:
                assert_never(event)
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        self._over = True
        out = self._written(encode_error(error))
        return out if self._array is None else out + self._array.end()

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE if self._array is None else b""

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _start(self, event: StreamStart) -> None:
        """An attempt that died before its first content leaves no trace: the next one's start counts."""
        if self._shown:
            return
        self._base = {"modelVersion": event.model, "responseId": event.id}
        self._tier = event.service_tier
        feedback = event.extra.get("promptFeedback")
        if feedback is not None:
            self._base["promptFeedback"] = feedback
            self._blocked = isinstance(feedback, dict) and bool(feedback.get("blockReason"))
        for name in lost_fields(event.extra, RESPONSE_EXTRA):
            self._drop(name)

    def _start_block(self, event: BlockStart) -> bytes:
        self._blocks[event.block] = _Block(event)
        if event.kind == "redacted_thinking" and isinstance(event.part, RedactedThinkingPart):
            return self._part(event.choice, {"text": "", "thought": True, "thoughtSignature": signatures.show_redacted(event.part.data)})
        if event.kind == "opaque":
            if isinstance(event.part, OpaquePart) and event.part.dialect == DIALECT:
                return self._part(event.choice, dict(event.part.value))
            self._drop("opaque")
        if event.kind == "refusal":
            self._drop("refusal")
        return b""

    def _text(self, event: TextDelta) -> bytes:
        block = self._blocks[event.block]
        if not event.text:
            return b""
        block.shown = True
        if block.start.kind == "thinking":
            return self._part(block.start.choice, {"text": event.text, "thought": True})
        return self._part(block.start.choice, {"text": event.text})

    def _stop_block(self, event: BlockStop) -> bytes:
        block = self._blocks.pop(event.block)
        start = block.start
        if start.kind == "tool_use":
            lost: list[str] = []
            part = encode_call(start.id or "", start.name or "", "".join(block.arguments), "tool_use", lost)
            for name in lost:
                self._drop(name)
            return self._part(start.choice, part)
        if not block.signature:
            return b""
        signature = signatures.show(block.signature)
        if block.shown:
            return self._part(start.choice, {"text": "", "thought": True, "thoughtSignature": signature})
        self._choice(start.choice).pending = signature
        return b""

    def _cite(self, event: CitationDelta) -> None:
        """Sources of this dialect's own go out in the last event, as the API sends them."""
        if event.dialect != DIALECT:
            self._drop("citations")
            return
        sources = self._choice(self._blocks[event.block].start.choice).sources
        sources.update((key, value) for key, value in event.citation.items() if key in SOURCES)

    def _part(self, index: int, part: dict[str, Any]) -> bytes:
        choice = self._choice(index)
        if choice.pending is not None and "thought" not in part:
            part["thoughtSignature"] = choice.pending
            choice.pending = None
        return self._chunk({"content": {"parts": [part], "role": "model"}, "index": index})

    def _chunk(self, *candidates: dict[str, Any], **more: Any) -> bytes:
        self._shown = True
        event: dict[str, Any] = {"candidates": list(candidates)} if candidates else {}
        event = {**event, **more, **(self._base or {})}
        try:
            return self._written(orjson.dumps(event))
        except TypeError:
            return self._written(dump_json(event))  # says what cannot be written

    def _written(self, data: bytes) -> bytes:
        return b"data: " + data + b"\n\n" if self._array is None else self._array.element(data)

    def _end(self) -> bytes:
        self._over = True
        last = [] if self._blocked and not self._shown else [self._last(index) for index in sorted(self._choices)]
        more = {} if self._usage is None else {"usageMetadata": {**encode_tier(self._tier), **encode_usage(self._usage)}}
        for name in lost(self._usage):
            self._drop(name)
        out = self._chunk(*last, **more)
        return out if self._array is None else out + self._array.end()

    def _last(self, index: int) -> dict[str, Any]:
        choice = self._choices[index]
        part = {"text": ""} if choice.pending is None else {"text": "", "thoughtSignature": choice.pending}
        out: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": index, **choice.sources}
        if choice.finish is not None:
            out["finishReason"] = encode_finish(choice.finish.reason)
        return out


_: type[StreamEncoder] = GeminiStreamEncoder
