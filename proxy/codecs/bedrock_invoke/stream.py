"""The response stream → canonical events.

    chunk*     Claude: the Messages API's own events; Titan and Llama: a piece of text, the last one with the reason why it ended
    exception  ends it

Which family it is shows in the first chunk. Terminal evidence: Claude's `message_stop`; Titan's `completionReason` or Llama's `stop_reason`
and then a clean end of the body.
"""

from typing import Any

import orjson

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import InvalidBody, StreamDecoder
from proxy.codecs.bedrock_converse.errors import decode_frame_error
from proxy.codecs.bedrock_invoke import llama, titan
from proxy.codecs.bedrock_invoke.chunks import decode_metrics, inner_event
from proxy.codecs.eventstream import EventStreamParser, Frame
from proxy.codecs.openai_chat.fields import integer, optional, string
from proxy.codecs.sse import sse_event
from proxy.core.events import (
    BlockStart,
    BlockStop,
    Finish,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.response import FinishReason, Usage


class InvokeStreamDecoder:
    def __init__(self, codec: AnthropicMessagesCodec) -> None:
        self._parser = EventStreamParser()
        self._frames = FrameDecoder(codec)

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        if self._frames.over:
            return []
        return [event for frame in self._parser.feed(chunk) for event in self._frames.read(frame)]

    def close(self) -> list[StreamEvent]:
        """A half frame at the end: the body did not end cleanly, so nothing that depends on that is evidence."""
        try:
            self._parser.close()
        except InvalidBody:
            return []
        return self._frames.close()


class FrameDecoder:
    """Frame by frame, for the decoder and for the watcher."""

    def __init__(self, codec: AnthropicMessagesCodec) -> None:
        self.over = False
        """Nothing that follows counts."""
        self._codec = codec
        self._claude: StreamDecoder | None = None
        self._text: TextDecoder | None = None

    def read(self, frame: Frame) -> list[StreamEvent]:
        """Raises InvalidBody, also for chunks of another vendor's."""
        if self.over:
            return []
        if frame.text(":message-type") in ("exception", "error"):
            self.over = True
            return [StreamFailed(error=decode_frame_error(frame))]
        return self.event(inner_event(frame)) if frame.text(":event-type") == "chunk" else []

    def event(self, event: dict[str, Any]) -> list[StreamEvent]:
        """As `read`, for a chunk's own event."""
        if self._claude is None and self._text is None:
            self._begin(event)
        if self._claude is not None:
            out = self._claude.feed(sse_event(orjson.dumps(event)))
            self.over = any(isinstance(one, StreamEnd | StreamFailed) for one in out)
            return out
        return self._text.feed(event) if self._text is not None else []

    def close(self) -> list[StreamEvent]:
        """The body ended cleanly."""
        if self.over:
            return []
        self.over = True
        inner = self._claude or self._text
        return inner.close() if inner is not None else []

    def _begin(self, event: dict[str, Any]) -> None:
        if "type" in event:
            self._claude = self._codec.stream_decoder()
        elif "outputText" in event:
            self._text = TextDecoder("outputText", "completionReason", ("inputTextTokenCount", "totalOutputTextTokenCount"))
        elif "generation" in event:
            self._text = TextDecoder("generation", "stop_reason", ("prompt_token_count", "generation_token_count"))
        else:
            raise InvalidBody("A stream chunk has none of the forms of Claude, Titan or Llama", "chunk.bytes")


class TextDecoder:
    """Titan's and Llama's: `text_field`, `reason_field` and the names of the two counts."""

    def __init__(self, text_field: str, reason_field: str, counts: tuple[str, str]) -> None:
        self._text_field = text_field
        self._reason_field = reason_field
        self._counts = counts
        self._prompt: int | None = None
        self._output: int | None = None
        self._started = False
        self._open = False
        self._finished = False

    def feed(self, event: dict[str, Any]) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        where = "chunk.bytes"
        text = optional(event, self._text_field, string, where)
        reason = optional(event, self._reason_field, string, where)
        prompt, output = (optional(event, name, integer(0), where) for name in self._counts)
        self._prompt = self._prompt if prompt is None else prompt
        self._output = self._output if output is None else output
        if not self._started:
            self._started = True
            out.append(StreamStart(id="", model=""))
        if text and not self._finished:
            if not self._open:
                self._open = True
                out.append(BlockStart(block=0, kind="text"))
            out.append(TextDelta(block=0, text=text))
        metrics = decode_metrics(event)
        if reason is not None and not self._finished:
            self._finish(reason, metrics is not None, out)
        if metrics is not None:
            out.append(UsageUpdate(usage=metrics))
        return out

    def close(self) -> list[StreamEvent]:
        return [StreamEnd()] if self._finished else []

    def _finish(self, reason: str, counted: bool, out: list[StreamEvent]) -> None:
        self._finished = True
        if self._open:
            out.append(BlockStop(block=0))
        finish: FinishReason = titan.decode_reason(reason) if self._text_field == "outputText" else llama.decode_reason(reason)
        out.append(Finish(reason=finish))
        if not counted and (self._prompt is not None or self._output is not None):
            out.append(UsageUpdate(usage=Usage(input_tokens=self._prompt or 0, output_tokens=self._output or 0)))


_: type[StreamDecoder] = InvokeStreamDecoder
