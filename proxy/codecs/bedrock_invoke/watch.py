"""The passthrough lane's watcher: whole frames go on byte for byte, their checksums verified.

What is in them is read as the decoder reads it. Chunks of another vendor's form go on all the same: the counts that Bedrock adds to the
last chunk of every stream are the evidence that it is whole.
"""

from typing import Any

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.bedrock_converse.errors import error_frame
from proxy.codecs.bedrock_invoke.chunks import decode_metrics, inner_event
from proxy.codecs.bedrock_invoke.stream import FrameDecoder
from proxy.codecs.eventstream import EventStreamParser, Frame
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    Finish,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
    is_content,
)
from proxy.core.response import Usage

_FORMS = ("type", "outputText", "generation")


class InvokeStreamWatcher:
    """An exception frame, and what follows it, is not forwarded: `error` is set, and whoever owns the stream tells the client by `fail`."""

    def __init__(self, codec: AnthropicMessagesCodec) -> None:
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
        self._frames = FrameDecoder(codec)
        self._claude = False
        self._foreign = False

    def feed(self, chunk: bytes) -> bytes:
        out = []
        for frame in self._parser.feed(chunk) if self.error is None else ():
            self._see(frame)
            if self.error is not None:
                break
            out.append(frame.raw)
        return b"".join(out)

    def close(self) -> bytes:
        """A half frame: what was whole without it is cut off by it all the same, unless it came after Claude's last word."""
        try:
            self._parser.close()
        except InvalidBody:
            self.complete = self.complete and self._claude
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        return error_frame(error)

    def keep_alive(self) -> bytes:
        """As the encoders'."""
        return b""

    def _see(self, frame: Frame) -> None:
        if frame.text(":event-type") == "chunk" and frame.text(":message-type") == "event":
            event = inner_event(frame)
            self._claude = self._claude or "type" in event
            if self._foreign or (not self.content and not any(form in event for form in _FORMS)):
                self._see_foreign(event)
            else:
                self._note(self._frames.event(event))
        else:
            self._note(self._frames.read(frame))

    def _see_foreign(self, event: dict[str, Any]) -> None:
        self._foreign = self.content = True
        usage = decode_metrics(event)
        if usage is not None:
            self.usage = usage
            self.complete = True

    def _note(self, events: list[StreamEvent]) -> None:
        for event in events:
            self.content = self.content or is_content(event)
            match event:
                case TextDelta():
                    self.text_bytes += len(event.text.encode())
                case ArgumentsDelta():
                    self.text_bytes += len(event.json.encode())
                case BlockStart():
                    self.tool_calls = self.tool_calls or event.kind == "tool_use"
                case StreamStart():
                    self.response_id = event.id or None
                    self.model = event.model or None
                case UsageUpdate():
                    self.usage = event.usage
                case Finish():
                    self.complete = self.complete or not self._claude
                case StreamEnd():
                    self.complete = True
                case StreamFailed():
                    self.error = event.error
                    self.complete = False
                    self.ended = True
                case _:
                    pass


_: type[StreamWatcher] = InvokeStreamWatcher
