"""The ConverseStream event stream → canonical events.

    messageStart ─ ( contentBlockStart? ─ contentBlockDelta* ─ contentBlockStop )* ─ messageStop ─ metadata

A block of text, reasoning or citations has no contentBlockStart: its first delta starts it. `messageStop` is the terminal evidence;
`metadata` with the usage may follow it, so the stream's end is that frame or the body's end. An exception frame anywhere ends it. Unknown
events are ignored. A block that `messageStop` finds open is closed: some upstreams omit the last stop.

What only its whole can be made a part of is gathered until its block stops: redacted reasoning, images, the input of a server tool's call.

Source: botocore 1.44.5, bedrock-runtime service model (ConverseStreamOutput), read 2026-11-25.
"""

from collections.abc import Callable
from typing import Any

import orjson

from proxy.codecs.base import InvalidBody, StreamDecoder
from proxy.codecs.bedrock_converse import fields
from proxy.codecs.bedrock_converse.errors import decode_frame_error
from proxy.codecs.bedrock_converse.finish import decode_finish
from proxy.codecs.bedrock_converse.stream_block import OpenBlock, start_block
from proxy.codecs.bedrock_converse.usage import decode_usage, tier_of
from proxy.codecs.eventstream import MAX_FRAME_BYTES, EventStreamParser, Frame
from proxy.core.events import Finish, StreamEnd, StreamEvent, StreamFailed, StreamStart, UsageUpdate


class ConverseStreamDecoder:
    def __init__(self) -> None:
        self._parser = EventStreamParser()
        self._open: dict[int, OpenBlock] = {}
        self._blocks = 0
        self._gathered = 0
        self._started = False
        self._finished = False
        self._over = False
        self._out: list[StreamEvent] = []

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        self._out = []
        if not self._over:
            for frame in self._parser.feed(chunk):
                self._handle(frame)
                if self._is_over():
                    break
        return self._out

    def close(self) -> list[StreamEvent]:
        """A half frame changes nothing: before `messageStop` the stream is truncated anyway, after it only the usage is missing."""
        if self._over or not self._finished:
            self._over = True
            return []
        self._over = True
        return [StreamEnd()]

    def _is_over(self) -> bool:
        return self._over

    def _handle(self, frame: Frame) -> None:
        if frame.text(":message-type") in ("exception", "error"):
            self._over = True
            self._out.append(StreamFailed(error=decode_frame_error(frame)))
            return
        kind = frame.text(":event-type") or ""
        handler = _HANDLERS.get(kind)
        if handler is None:
            return
        if not self._started and kind != "messageStart":
            raise InvalidBody(f"{kind} before messageStart", kind)
        if self._finished and kind != "metadata":
            raise InvalidBody(f"{kind} after messageStop", kind)
        handler(self, parse_payload(frame))

    def _message_start(self, event: dict[str, Any]) -> None:
        if self._started:
            raise InvalidBody("a second messageStart", "messageStart")
        self._started = True
        self._out.append(StreamStart(id="", model=""))

    def _block_start(self, event: dict[str, Any]) -> None:
        index = _index(event, "contentBlockStart")
        if index in self._open:
            raise InvalidBody(f"contentBlockStart.contentBlockIndex: block {index} is open", "contentBlockStart.contentBlockIndex")
        kind, member = fields.union(fields.required(event, "start", "contentBlockStart"), "contentBlockStart.start")
        self._out += self._begin(index, kind, fields.as_object(member, f"contentBlockStart.start.{kind}")).opening()

    def _begin(self, index: int, kind: str, member: dict[str, Any] | None) -> OpenBlock:
        block = self._open[index] = start_block(self._blocks, kind, member)
        self._blocks += 1
        return block

    def _block_delta(self, event: dict[str, Any]) -> None:
        index = _index(event, "contentBlockDelta")
        kind, member = fields.union(fields.required(event, "delta", "contentBlockDelta"), "contentBlockDelta.delta")
        block = self._open.get(index)
        if block is None:
            inner = next(iter(member)) if kind == "reasoningContent" and isinstance(member, dict) and member else None
            block = self._begin(index, f"{kind}.{inner}" if inner == "redactedContent" else kind, None)
            self._out += block.opening()
        events = block.delta(kind, member)
        if block.gathers:
            self._gathered += len(orjson.dumps(member))
            if self._gathered > MAX_FRAME_BYTES:
                raise InvalidBody(f"content blocks that arrive in pieces exceed {MAX_FRAME_BYTES} bytes", "contentBlockDelta")
        self._out += events

    def _block_stop(self, event: dict[str, Any]) -> None:
        """Of a text without a delta nothing has been seen."""
        block = self._open.pop(_index(event, "contentBlockStop"), None)
        if block is not None:
            self._out += block.stop()

    def _message_stop(self, event: dict[str, Any]) -> None:
        reason = fields.text(event, "stopReason", "messageStop")
        for block in self._open.values():
            self._out += block.stop()
        self._open.clear()
        self._finished = True
        self._out.append(Finish(reason=decode_finish(reason)))

    def _metadata(self, event: dict[str, Any]) -> None:
        usage = fields.optional_object(event, "usage", "metadata")
        if usage is not None:
            tier = tier_of(event.get("serviceTier"), event.get("performanceConfig"))
            self._out.append(UsageUpdate(usage=decode_usage(usage, "metadata.usage", tier=tier)))
        if self._finished:
            self._over = True
            self._out.append(StreamEnd())


def parse_payload(frame: Frame) -> dict[str, Any]:
    try:
        event = orjson.loads(frame.payload)
    except orjson.JSONDecodeError as exc:
        raise InvalidBody(f"a stream event is not JSON: {exc}") from None
    return fields.as_object(event, "")


def _index(event: dict[str, Any], kind: str) -> int:
    index = fields.optional_integer(event, "contentBlockIndex", kind)
    if index is None:
        raise fields.missing(f"{kind}.contentBlockIndex")
    return index


_HANDLERS: dict[str, Callable[[ConverseStreamDecoder, dict[str, Any]], None]] = {
    "messageStart": ConverseStreamDecoder._message_start,
    "contentBlockStart": ConverseStreamDecoder._block_start,
    "contentBlockDelta": ConverseStreamDecoder._block_delta,
    "contentBlockStop": ConverseStreamDecoder._block_stop,
    "messageStop": ConverseStreamDecoder._message_stop,
    "metadata": ConverseStreamDecoder._metadata,
}
_: type[StreamDecoder] = ConverseStreamDecoder
