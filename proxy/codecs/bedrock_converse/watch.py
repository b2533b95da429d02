"""The passthrough lane's watcher: whole frames go on byte for byte, their checksums verified.

The lane learns neither an id nor a model here: the first is in the answer's header `x-amzn-RequestId`, the second in the request.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.bedrock_converse.blocks import PLAIN_TYPES
from proxy.codecs.bedrock_converse.errors import decode_frame_error, error_frame
from proxy.codecs.bedrock_converse.usage import decode_usage, tier_of
from proxy.codecs.eventstream import EventStreamParser, Frame
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage


class _Call(msgspec.Struct, gc=False):
    type: str | None = None


class _Start(msgspec.Struct, gc=False):
    toolUse: _Call | None = None


class _BlockStart(msgspec.Struct, gc=False):
    start: _Start


class _Reasoning(msgspec.Struct, gc=False):
    text: str = ""


class _Input(msgspec.Struct, gc=False):
    input: str = ""


class _Delta(msgspec.Struct, gc=False):
    text: str = ""
    reasoningContent: _Reasoning | None = None
    toolUse: _Input | None = None


class _BlockDelta(msgspec.Struct, gc=False):
    delta: _Delta


class _Metadata(msgspec.Struct, gc=False):
    usage: dict[str, Any] | None = None
    serviceTier: Any = None
    performanceConfig: Any = None


_start = msgspec.json.Decoder(_BlockStart)
_delta = msgspec.json.Decoder(_BlockDelta)
_metadata = msgspec.json.Decoder(_Metadata)


class ConverseStreamWatcher:
    """An exception frame, and what follows it, is not forwarded: `error` is set, and whoever owns the stream tells the client by
    `fail`. After `messageStop` comes `metadata` at most: only it, or the body's end, is the stream's end."""

    __slots__ = (
        "_parser",
        "complete",
        "content",
        "ended",
        "error",
        "model",
        "response_id",
        "service_tier",
        "text_bytes",
        "tool_calls",
        "usage",
        "usage_chunk",
    )

    def __init__(self) -> None:
        self.content = False
        self.complete = False
        self.error: ErrorInfo | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.ended = False
        self.usage_chunk = b""
        """This dialect has no event of the kind."""
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._parser = EventStreamParser()

    def feed(self, chunk: bytes) -> bytes:
        if self.error is not None:
            return b""
        out = []
        for frame in self._parser.feed(chunk):
            if frame.text(":message-type") in ("exception", "error"):
                self.error = decode_frame_error(frame)
                self.ended = True
                break
            try:
                self._read(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
                raise InvalidBody(f"a stream event breaks its schema: {exc}", frame.text(":event-type") or "") from None
            out.append(frame.raw)
        return b"".join(out)

    def close(self) -> bytes:
        """A half frame belongs to nothing whole; without `messageStop` the stream is truncated anyway."""
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        return error_frame(error)

    def keep_alive(self) -> bytes:
        """As ConverseStreamEncoder's."""
        return b""

    def _read(self, frame: Frame) -> None:
        kind = frame.headers.get(":event-type")
        if kind == "contentBlockDelta":
            delta = _delta.decode(frame.payload).delta
            self.content = True
            text = delta.text or (delta.toolUse and delta.toolUse.input) or (delta.reasoningContent and delta.reasoningContent.text)
            if text:
                self.text_bytes += len(text.encode())
        elif kind == "contentBlockStart":
            call = _start.decode(frame.payload).start.toolUse
            self.tool_calls = self.tool_calls or (call is not None and call.type in PLAIN_TYPES)
            self.content = True
        elif kind == "messageStop":
            self.complete = True
        elif kind == "metadata":
            metadata = _metadata.decode(frame.payload)
            if metadata.usage is not None:
                tier = tier_of(metadata.serviceTier, metadata.performanceConfig)
                self.usage = decode_usage(metadata.usage, "metadata.usage", tier=tier)
            self.ended = self.complete


_: type[StreamWatcher] = ConverseStreamWatcher
