"""The Messages event stream → canonical events.

    message_start ─ ( content_block_start ─ content_block_delta* ─ content_block_stop )* ─ message_delta+ ─ message_stop

`ping` anywhere; `error` anywhere ends it. `message_stop` after a stop reason is the terminal evidence. Unknown events are ignored, unknown
blocks and deltas passed on as opaque ones. A block that `message_stop` finds open is closed: some upstreams omit the last stop.
Source: platform.claude.com "Streaming messages", anthropic SDK 2.12 types/raw_*_event.py, read 2026-11-22.
"""

from collections.abc import Callable
from typing import Any, Literal

import orjson

from proxy.codecs.anthropic_messages import fields
from proxy.codecs.anthropic_messages.errors import decode_stream_error
from proxy.codecs.anthropic_messages.finish import decode_finish
from proxy.codecs.anthropic_messages.usage import decode_tier, decode_usage, merge_usage
from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import dump_text
from proxy.codecs.sse import SSEParser
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
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

_START_FIELDS = frozenset(("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"))

Kind = Literal["text", "thinking", "redacted_thinking", "tool_use", "opaque"]


class _Open:
    """A block between its start and its stop."""

    __slots__ = ("block", "input", "kind")

    def __init__(self, block: int, kind: Kind, given: dict[str, Any] | None = None) -> None:
        self.block = block
        self.kind = kind
        self.input = given
        """A tool call's input from its start, until its first argument text."""


class MessagesStreamDecoder:
    def __init__(self) -> None:
        self._parser = SSEParser()
        self._open: dict[int, _Open] = {}
        self._blocks = 0
        self._usage: dict[str, Any] | None = None
        """None before message_start."""
        self._finished = False
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
        """Everything whole has been yielded: what is left without `message_stop` is a truncated stream."""
        self._over = True
        return []

    def _is_over(self) -> bool:
        return self._over

    def _handle(self, data: bytes) -> None:
        event = parse_event(data)
        kind = fields.text(event, "type", "")
        handler = _HANDLERS.get(kind)
        if handler is None:
            return
        if self._usage is None and kind not in _ANYTIME:
            raise InvalidBody(f"{kind} before message_start", kind)
        handler(self, event)

    def _message_start(self, event: dict[str, Any]) -> None:
        if self._usage is not None:
            raise InvalidBody("a second message_start", "message_start")
        path = "message_start.message"
        message = fields.as_object(event.get("message"), path)
        usage = fields.as_object(message.get("usage"), f"{path}.usage")
        start = StreamStart(
            id=fields.text(message, "id", path),
            model=fields.text(message, "model", path),
            service_tier=decode_tier(usage),
            extra={key: value for key, value in message.items() if key not in _START_FIELDS and value is not None},
        )
        self._usage = usage
        self._out += (start, UsageUpdate(usage=decode_usage(usage, f"{path}.usage")))

    def _block_start(self, event: dict[str, Any]) -> None:
        path = "content_block_start.content_block"
        index = _index(event, "content_block_start")
        content = fields.as_object(event.get("content_block"), path)
        kind = fields.name(content, "type", path)
        if index in self._open:
            raise InvalidBody(f"content_block_start.index: block {index} is open", "content_block_start.index")
        block = self._blocks
        self._blocks += 1
        if kind in ("text", "thinking"):
            self._open[index] = _Open(block, "text" if kind == "text" else "thinking")
            self._out.append(BlockStart(block=block, kind=self._open[index].kind))
            self._beginning(block, content, kind)
        elif kind == "tool_use":
            given = fields.as_object(content.get("input", {}), f"{path}.input")
            self._open[index] = _Open(block, "tool_use", given)
            self._out.append(
                BlockStart(block=block, kind="tool_use", id=fields.name(content, "id", path), name=fields.name(content, "name", path))
            )
        elif kind == "redacted_thinking":
            self._open[index] = _Open(block, "redacted_thinking")
            part = RedactedThinkingPart(data=fields.text(content, "data", path))
            self._out.append(BlockStart(block=block, kind="redacted_thinking", part=part))
        else:
            self._open[index] = _Open(block, "opaque")
            self._out.append(BlockStart(block=block, kind="opaque", part=OpaquePart(dialect=fields.DIALECT, value=content)))

    def _beginning(self, block: int, content: dict[str, Any], kind: str) -> None:
        """Text that a block has from its start."""
        text = fields.optional_text(content, kind, "content_block_start.content_block")
        if text:
            self._out.append(TextDelta(block=block, text=text))
        signature = fields.optional_text(content, "signature", "content_block_start.content_block")
        if signature:
            self._out.append(SignatureDelta(block=block, signature=signature))

    def _block_delta(self, event: dict[str, Any]) -> None:
        opened = self._open.get(_index(event, "content_block_delta"))
        if opened is None:
            raise InvalidBody("content_block_delta.index: no such block is open", "content_block_delta.index")
        delta = fields.as_object(event.get("delta"), _DELTA)
        kind = fields.name(delta, "type", _DELTA)
        reader = None if opened.kind == "opaque" else _DELTAS.get(kind)
        if reader is None:
            self._out.append(OpaqueDelta(block=opened.block, value=delta, dialect=fields.DIALECT))
            return
        carrier, read = reader
        if carrier != opened.kind:
            raise InvalidBody(f"{_DELTA}.type: {kind} in a {opened.kind} block", f"{_DELTA}.type")
        decoded = read(opened.block, delta)
        if isinstance(decoded, ArgumentsDelta):
            if not decoded.json:
                return
            opened.input = None
        self._out.append(decoded)

    def _block_stop(self, event: dict[str, Any]) -> None:
        opened = self._open.pop(_index(event, "content_block_stop"), None)
        if opened is None:
            raise InvalidBody("content_block_stop.index: no such block is open", "content_block_stop.index")
        self._stop(opened)

    def _stop(self, opened: _Open) -> None:
        if opened.input is not None:
            # no argument text came: the input is what the start said, `{}` for a call without arguments
            self._out.append(ArgumentsDelta(block=opened.block, json=dump_text(opened.input)))
        self._out.append(BlockStop(block=opened.block))

    def _message_delta(self, event: dict[str, Any]) -> None:
        delta = fields.as_object(event.get("delta"), "message_delta.delta")
        reason = fields.optional_text(delta, "stop_reason", "message_delta.delta")
        if reason is not None:
            self._close_blocks()
        usage = event.get("usage")
        if usage is not None:
            merged = merge_usage(self._usage or {}, fields.as_object(usage, "message_delta.usage"))
            self._usage = merged
            self._out.append(UsageUpdate(usage=decode_usage(merged, "message_delta.usage")))
        if reason is not None and not self._finished:
            self._finished = True
            sequence = fields.optional_text(delta, "stop_sequence", "message_delta.delta")
            self._out.append(Finish(reason=decode_finish(reason), stop_sequence=sequence))

    def _close_blocks(self) -> None:
        for opened in self._open.values():
            self._stop(opened)
        self._open.clear()

    def _message_stop(self, event: dict[str, Any]) -> None:
        if not self._finished:
            raise InvalidBody("message_stop without a stop_reason", "message_stop")
        self._close_blocks()
        self._over = True
        self._out.append(StreamEnd())

    def _ping(self, event: dict[str, Any]) -> None:
        self._out.append(StreamPing())

    def _error(self, event: dict[str, Any]) -> None:
        self._over = True
        self._out.append(StreamFailed(error=decode_stream_error(event)))


def parse_event(data: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise InvalidBody(f"a stream event is not JSON: {exc}") from None
    return fields.as_object(event, "")


def _index(event: dict[str, Any], kind: str) -> int:
    index = fields.optional_integer(event, "index", kind)
    if index is None:
        raise fields.missing(f"{kind}.index")
    return index


def _citation(block: int, delta: dict[str, Any]) -> StreamEvent:
    return CitationDelta(block=block, citation=fields.as_object(delta.get("citation"), f"{_DELTA}.citation"), dialect=fields.DIALECT)


_DELTA = "content_block_delta.delta"
_DELTAS: dict[str, tuple[Kind, Callable[[int, dict[str, Any]], StreamEvent]]] = {
    "text_delta": ("text", lambda block, delta: TextDelta(block=block, text=fields.text(delta, "text", _DELTA))),
    "citations_delta": ("text", _citation),
    "thinking_delta": ("thinking", lambda block, delta: TextDelta(block=block, text=fields.text(delta, "thinking", _DELTA))),
    "signature_delta": ("thinking", lambda block, delta: SignatureDelta(block=block, signature=fields.text(delta, "signature", _DELTA))),
    "input_json_delta": ("tool_use", lambda block, delta: ArgumentsDelta(block=block, json=fields.text(delta, "partial_json", _DELTA))),
}
_ANYTIME = frozenset(("message_start", "ping", "error"))
_HANDLERS: dict[str, Callable[[MessagesStreamDecoder, dict[str, Any]], None]] = {
    "message_start": MessagesStreamDecoder._message_start,
    "content_block_start": MessagesStreamDecoder._block_start,
    "content_block_delta": MessagesStreamDecoder._block_delta,
    "content_block_stop": MessagesStreamDecoder._block_stop,
    "message_delta": MessagesStreamDecoder._message_delta,
    "message_stop": MessagesStreamDecoder._message_stop,
    "ping": MessagesStreamDecoder._ping,
    "error": MessagesStreamDecoder._error,
}
