"""The passthrough lane's watcher: whole events go on byte for byte, and what the gateway must know is noted.

`array`: the client reads one JSON array (see array.py); the upstream is always asked for events.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.gemini_generate.array import ArrayWriter
from proxy.codecs.gemini_generate.errors import decode_stream_error, encode_error
from proxy.codecs.gemini_generate.stream_decode import MAX_EVENT_BYTES, parse_event
from proxy.codecs.gemini_generate.stream_encode import KEEP_ALIVE
from proxy.codecs.gemini_generate.usage import decode_usage
from proxy.codecs.sse import SSEEvent, SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage

_NULL = msgspec.Raw(b"null")


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    functionCall: msgspec.Raw = _NULL
    inlineData: msgspec.Raw = _NULL
    executableCode: msgspec.Raw = _NULL
    codeExecutionResult: msgspec.Raw = _NULL


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False):
    content: _Content | None = None
    index: int | None = None
    finishReason: str | None = None


class _Feedback(msgspec.Struct, gc=False):
    blockReason: str | None = None


class _Event(msgspec.Struct, gc=False):
    candidates: list[_Candidate] | None = None
    usageMetadata: dict[str, Any] | None = None
    promptFeedback: _Feedback | None = None
    error: msgspec.Raw = _NULL
    responseId: str | None = None
    modelVersion: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


class GeminiStreamWatcher:
    """An event with an in-band error, and what follows it, is not forwarded: `error` is set, and whoever owns the stream tells the
    client by `fail`."""

    def __init__(self, *, array: bool = False) -> None:
        self.content = False
        self.complete = False
        self.ended = False
        self.error: ErrorInfo | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.usage_chunk = b""
        """Not of this dialect: events have the counts."""
        self.usage: Usage | None = None
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._array = ArrayWriter() if array else None
        self._parser = SSEParser(max_event_bytes=MAX_EVENT_BYTES)
        self._raw_usage: dict[str, Any] = {}
        self._finished: dict[int, bool] = {}

    def feed(self, chunk: bytes) -> bytes:
        if self.error is not None:
            return b""
        out = []
        for event in self._parser.feed(chunk):
            if not self._see(event.data):
                break
            out.append(self._forwarded(event))
        return out[0] if len(out) == 1 else b"".join(out)

    def close(self) -> bytes:
        """An event without its blank line is none: the stream is cut off there."""
        if self._parser.close().strip():
            self.complete = False
        return self._array.end() if self._array is not None and self.complete else b""

    def fail(self, error: ErrorInfo) -> bytes:
        data = encode_error(error)
        if self._array is None:
            return b"data: " + data + b"\n\n"
        return self._array.element(data) + self._array.end()

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE if self._array is None else b""

    def _forwarded(self, event: SSEEvent) -> bytes:
        if self._array is None:
            return event.raw
        return self._array.element(event.data) if event.data.strip() else b""

    def _see(self, data: bytes) -> bool:
        """False for the provider's error, with which the stream is over."""
        if not data.strip():
            return True
        try:
            event = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise InvalidBody(f"a stream event is none of generateContent's: {exc}") from None
        if _is_there(event.error):
            self.error = decode_stream_error(parse_event(data))
            self.complete = False
            self.ended = True
            return False
        self.response_id = self.response_id or event.responseId
        self.model = self.model or event.modelVersion
        if event.usageMetadata and event.usageMetadata != self._raw_usage:
            self._raw_usage = {**self._raw_usage, **event.usageMetadata}
            self.usage = decode_usage(self._raw_usage)
            self.service_tier = self.usage.service_tier
        for position, candidate in enumerate(event.candidates or ()):
            self._note(candidate, position)
        if self._finished:
            self.complete = all(self._finished.values())
        elif event.promptFeedback is not None and event.promptFeedback.blockReason:
            self.complete = True
        return True

    def _note(self, candidate: _Candidate, position: int) -> None:
        index = position if candidate.index is None else candidate.index
        self._finished[index] = self._finished.get(index, False) or candidate.finishReason is not None
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            if part.text:
                self.content = True
                self.text_bytes += len(part.text)
            elif _is_there(part.functionCall):
                self.content = self.tool_calls = True
                self.text_bytes += len(memoryview(part.functionCall))
            elif _is_there(part.inlineData) or _is_there(part.executableCode) or _is_there(part.codeExecutionResult):
                self.content = True


def _is_there(value: msgspec.Raw) -> bool:
    """Whether it is an object; one that says something is longer than `null`."""
    return len(memoryview(value)) > len(b"null")


_: type[StreamWatcher] = GeminiStreamWatcher
