"""Canonical events → the Messages event stream.

The API has one block open at a time and counts blocks from 0. Blocks of other dialects may interleave (OpenAI's parallel tool calls), so
one holds the floor and the others wait with their deltas until it stops:

    idle ──first delta, or a start that shows something──▶ floor free? open : waiting
    open ──BlockStop──▶ closed; the next waiting block opens, with what it has, and so on
    StreamEnd: all waiting blocks open and close in order, then message_delta (stop reason, final usage) and message_stop

A text block without text is never opened: clients send answers back, and the API refuses empty text. Only choice 0 is carried.
"""

from collections import deque
from typing import Any, assert_never

import orjson

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.anthropic_messages.errors import error_event
from proxy.codecs.anthropic_messages.fields import DIALECT
from proxy.codecs.anthropic_messages.finish import NEAR, encode_finish
from proxy.codecs.anthropic_messages.response import EXTRA, answer_usage, encode_answer_part
from proxy.codecs.anthropic_messages.usage import CARRIED
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
from proxy.core.messages import OpaquePart, Part
from proxy.core.response import Usage

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class _Block:
    __slots__ = ("deltas", "index", "kind", "start", "stopped")

    def __init__(self, kind: str, start: dict[str, Any]) -> None:
        self.kind = kind
        self.start = start
        self.index = -1
        """-1: not open yet."""
        self.deltas: list[dict[str, Any]] = []
        self.stopped = False


class MessagesStreamEncoder:
    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        """Not of this dialect: `message_delta` has the counts."""
        self._blocks: dict[int, _Block] = {}
        self._floor: _Block | None = None
        self._waiting: deque[_Block] = deque()
        self._next = 0
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._finish: Finish | None = None
        self._tools = False
        self._refused = False
        self._over = False

    def encode(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        if isinstance(event, TextDelta | ArgumentsDelta | SignatureDelta | CitationDelta | OpaqueDelta):
            return self._delta(event)
        if isinstance(event, BlockStart):
            return self._start(event)
        if isinstance(event, BlockStop):
            return self._stop(event)
        if isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, Finish):
            if event.choice == 0:
                self._finish = event
            else:
                self._drop(f"choices[{event.choice}]")
        elif isinstance(event, StreamStart):
            return self._message_start(event)
        elif isinstance(event, StreamEnd):
            return self._end()
        elif isinstance(event, StreamFailed):
            return self.fail(event.error)
        elif isinstance(event, StreamPing):
            return PING
        elif isinstance(event, LogprobsDelta):
            self._drop("logprobs")
        else:
            assert_never(event)
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        self._over = True
        return error_event(error)

    def keep_alive(self) -> bytes:
        return PING

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _message_start(self, event: StreamStart) -> bytes:
        """The counts are not known yet: `message_delta` has them."""
        self._tier = event.service_tier
        for name in lost_fields(event.extra, EXTRA):
            self._drop(name)
        message: dict[str, Any] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": answer_usage(None, event.service_tier),
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _start(self, event: BlockStart) -> bytes:
        if event.choice != 0:
            self._drop(f"choices[{event.choice}]")
            return b""
        start = self._content_block(event)
        if start is None:
            self._drop(event.kind)
            return b""
        block = self._blocks[event.block] = _Block(event.kind, start)
        self._tools = self._tools or event.kind == "tool_use"
        self._refused = self._refused or event.kind == "refusal"
        return b"" if event.kind in ("text", "thinking", "refusal") else self._take_floor(block)

    def _content_block(self, event: BlockStart) -> dict[str, Any] | None:
        if event.kind in ("text", "refusal"):
            return {"type": "text", "text": ""}
        if event.kind == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        if event.kind == "tool_use":
            return {"type": "tool_use", "id": event.id or "", "name": event.name or "", "input": {}}
        return None if event.part is None else _whole(event.part)

    def _take_floor(self, block: _Block) -> bytes:
        if self._floor is None:
            self._floor = block
            return self._open(block)
        if block is not self._floor and block not in self._waiting:
            self._waiting.append(block)
        return b""

    def _open(self, block: _Block) -> bytes:
        block.index = self._next
        self._next += 1
        opening = _event("content_block_start", {"type": "content_block_start", "index": block.index, "content_block": block.start})
        return opening + b"".join(_delta_event(block.index, delta) for delta in block.deltas)

    def _delta(self, event: TextDelta | ArgumentsDelta | SignatureDelta | CitationDelta | OpaqueDelta) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or block.stopped:
            return b""
        delta = self._content_delta(event, block)
        if delta is None:
            return b""
        if block is self._floor:
            return _delta_event(block.index, delta)
        block.deltas.append(delta)
        return self._take_floor(block)

    def _content_delta(
        self, event: TextDelta | ArgumentsDelta | SignatureDelta | CitationDelta | OpaqueDelta, block: _Block
    ) -> dict[str, Any] | None:
        if isinstance(event, TextDelta):
            if not event.text:
                return None
            if block.kind == "thinking":
                return {"type": "thinking_delta", "thinking": event.text}
            return {"type": "text_delta", "text": event.text}
        if isinstance(event, ArgumentsDelta):
            return {"type": "input_json_delta", "partial_json": event.json} if event.json else None
        if isinstance(event, SignatureDelta):
            return {"type": "signature_delta", "signature": event.signature}
        if event.dialect != DIALECT:
            self._drop("citations" if isinstance(event, CitationDelta) else "opaque")
            return None
        return {"type": "citations_delta", "citation": event.citation} if isinstance(event, CitationDelta) else event.value

    def _stop(self, event: BlockStop) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or block.stopped:
            return b""
        block.stopped = True
        return self._pass_floor() if block is self._floor else b""

    def _pass_floor(self) -> bytes:
        """Close the block on the floor and let the waiting ones have it, up to the first that has not stopped."""
        out = []
        while self._floor is not None and self._floor.stopped:
            out.append(_event("content_block_stop", {"type": "content_block_stop", "index": self._floor.index}))
            self._floor = self._waiting.popleft() if self._waiting else None
            if self._floor is not None:
                out.append(self._open(self._floor))
        return b"".join(out)

    def _end(self) -> bytes:
        self._over = True
        for block in self._blocks.values():
            block.stopped = True
        closing = self._pass_floor()
        finish = self._finish
        if finish is not None and finish.reason in NEAR:
            self._drop("finish_reason")
        for name in lost_usage(self._usage, CARRIED):
            self._drop(name)
        delta = {
            "stop_reason": None if finish is None else encode_finish(finish.reason, tools=self._tools, refused=self._refused),
            "stop_sequence": None if finish is None else finish.stop_sequence,
        }
        usage = answer_usage(self._usage, self._tier)
        usage.pop("service_tier", None)
        last = _event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
        return closing + last + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def _whole(part: Part) -> dict[str, Any] | None:
    if isinstance(part, OpaquePart) and part.dialect != DIALECT:
        return None
    return encode_answer_part(part, "", [])


def _delta_event(index: int, delta: dict[str, Any]) -> bytes:
    return _event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _event(name: str, data: dict[str, Any]) -> bytes:
    try:
        text = orjson.dumps(data)
    except TypeError:
        text = dump_json(data)  # says what cannot be written
    return b"event: " + name.encode() + b"\ndata: " + text + b"\n\n"
