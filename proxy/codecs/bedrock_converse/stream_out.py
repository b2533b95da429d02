"""Canonical events → the ConverseStream event stream.

One block is open at a time, and blocks count from 0. Blocks of other dialects may interleave (OpenAI's parallel tool calls), so one holds
the floor and the others wait with their deltas until it stops:

    idle ──first delta, or a start that shows something──▶ floor free? open : waiting
    open ──BlockStop──▶ closed; the next waiting block opens, with what it has, and so on
    StreamEnd: all waiting blocks open and close in order, then messageStop (stop reason) and metadata (usage), if there is one

As AWS does it, only a call (and what other blocks have a start of their own) has a contentBlockStart; a text without text is no block.
Only choice 0 is carried.
"""

from collections import deque
from typing import Any, assert_never

import orjson

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.base import StreamEncoder
from proxy.codecs.bedrock_converse.errors import error_frame
from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.bedrock_converse.finish import NEAR, encode_finish
from proxy.codecs.bedrock_converse.response import EXTRA, encode_answer, encode_tier
from proxy.codecs.bedrock_converse.usage import CARRIED, encode_usage
from proxy.codecs.eventstream import event_frame
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
from proxy.core.messages import Part
from proxy.core.response import Usage

Delta = TextDelta | ArgumentsDelta | SignatureDelta | CitationDelta | OpaqueDelta

_STARTED = {"toolUse": ("toolUseId", "name", "type"), "toolResult": ("toolUseId", "type", "status"), "image": ("format",)}
"""Blocks with a contentBlockStart, and the fields that stand in it."""
_NO_LATENCY = {"latencyMs": 0}


class _Block:
    __slots__ = ("deltas", "index", "kind", "start", "stopped")

    def __init__(self, kind: str, start: dict[str, Any] | None) -> None:
        self.kind = kind
        self.start = start
        self.index = -1
        """-1: not open yet."""
        self.deltas: list[dict[str, Any]] = []
        self.stopped = False


class ConverseStreamEncoder:
    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        """Not of this dialect: `metadata` has the counts."""
        self._blocks: dict[int, _Block] = {}
        self._floor: _Block | None = None
        self._waiting: deque[_Block] = deque()
        self._next = 0
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._finish: Finish | None = None
        self._tools = False
        self._refused = False
        self._started = False
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
            self._note_finish(event)
        elif isinstance(event, StreamStart):
            return self._message_start(event)
        elif isinstance(event, StreamEnd):
            return self._end()
        elif isinstance(event, StreamFailed):
            return self.fail(event.error)
        elif isinstance(event, LogprobsDelta):
            self._drop("logprobs")
        elif not isinstance(event, StreamPing):
            assert_never(event)
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        self._over = True
        return error_frame(error)

    def keep_alive(self) -> bytes:
        """An AWS client reads every frame as an event of the stream's shape: there is none that means nothing."""
        return b""

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _note_finish(self, event: Finish) -> None:
        if event.choice != 0:
            self._drop(f"choices[{event.choice}]")
            return
        self._finish = event
        if event.reason in NEAR:
            self._drop("finish_reason")
        if event.stop_sequence is not None:
            self._drop("stop_sequence")

    def _message_start(self, event: StreamStart) -> bytes:
        """It says nothing of the answer, so the next target's start, should there be one, needs none."""
        self._tier = event.service_tier
        for name in lost_fields(event.extra, EXTRA):
            self._drop(name)
        if self._started:
            return b""
        self._started = True
        return _event("messageStart", {"role": "assistant"})

    def _start(self, event: BlockStart) -> bytes:
        if event.choice != 0:
            self._drop(f"choices[{event.choice}]")
            return b""
        block = _Block(event.kind, None)
        if event.kind == "tool_use":
            self._tools = True
            block.start = {"toolUse": {"toolUseId": event.id or "", "name": event.name or ""}}
        elif event.part is not None and not self._whole(event.part, block):
            self._drop(event.kind)
            return b""
        if event.kind == "refusal":
            self._refused = True
            self._drop("refusal")
        self._blocks[event.block] = block
        return b"" if block.start is None and not block.deltas else self._take_floor(block)

    def _whole(self, part: Part, block: _Block) -> bool:
        """A part that arrives at once, as its start and deltas. False where the dialect has no such block."""
        blocks = encode_answer((part,), [])
        for kind, member in (item for block in blocks[:1] for item in block.items()):
            if kind == "reasoningContent":
                block.deltas.append({kind: member})
            elif kind in _STARTED:
                head = {key: value for key, value in member.items() if key in _STARTED[kind]}
                rest = {key: value for key, value in member.items() if key not in head}
                block.start = {kind: head}
                block.deltas += _opaque_deltas({kind: rest}) if rest else []
            else:
                return False
        return bool(blocks)

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
        start = b"" if block.start is None else _event("contentBlockStart", {"contentBlockIndex": block.index, "start": block.start})
        return start + b"".join([_delta_event(block.index, delta) for delta in block.deltas])

    def _delta(self, event: Delta) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or block.stopped:
            return b""
        out = []
        for delta in self._content_deltas(event, block):
            if block is self._floor:
                out.append(_delta_event(block.index, delta))
            else:
                block.deltas.append(delta)
                out.append(self._take_floor(block))
        return b"".join(out)

    def _content_deltas(self, event: Delta, block: _Block) -> list[dict[str, Any]]:
        if isinstance(event, TextDelta):
            if not event.text:
                return []
            return [{"reasoningContent": {"text": event.text}} if block.kind == "thinking" else {"text": event.text}]
        if isinstance(event, ArgumentsDelta):
            return [{"toolUse": {"input": event.json}}] if event.json else []
        if isinstance(event, SignatureDelta):
            return [{"reasoningContent": {"signature": event.signature}}]
        if event.dialect != DIALECT:
            self._drop("citations" if isinstance(event, CitationDelta) else "opaque")
            return []
        return [{"citation": event.citation}] if isinstance(event, CitationDelta) else _opaque_deltas(event.value)

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
            out.append(_event("contentBlockStop", {"contentBlockIndex": self._floor.index}))
            self._floor = self._waiting.popleft() if self._waiting else None
            if self._floor is not None:
                out.append(self._open(self._floor))
        return b"".join(out)

    def _end(self) -> bytes:
        self._over = True
        for block in self._blocks.values():
            block.stopped = True
        closing = self._pass_floor()
        reason = "other" if self._finish is None else self._finish.reason
        closing += _event("messageStop", {"stopReason": encode_finish(reason, tools=self._tools, refused=self._refused)})
        if self._usage is None:
            return closing
        for name in lost_usage(self._usage, CARRIED):
            self._drop(name)
        metadata: dict[str, Any] = {"usage": encode_usage(self._usage), "metrics": _NO_LATENCY}
        if (tier := encode_tier(self._tier)) is not None:
            metadata["serviceTier"] = tier
        return closing + _event("metadata", metadata)


def _opaque_deltas(value: dict[str, Any]) -> list[dict[str, Any]]:
    """A piece of an opaque block as the wire has it: a result's content is the delta itself, a call's input is text."""
    deltas = []
    for kind, member in value.items():
        if kind == "toolResult" and isinstance(member, dict):
            deltas.append({kind: member.get("content", [])})
        elif kind == "toolUse" and isinstance(member, dict):
            given = member.get("input", {})
            deltas.append({kind: {"input": given if isinstance(given, str) else dump_json(given).decode()}})
        else:
            deltas.append({kind: member})
    return deltas


def _delta_event(index: int, delta: dict[str, Any]) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _event(name: str, data: dict[str, Any]) -> bytes:
    try:
        payload = orjson.dumps(data)
    except TypeError:
        payload = dump_json(data)  # says what cannot be written
    return event_frame(name, payload)


_: type[StreamEncoder] = ConverseStreamEncoder
