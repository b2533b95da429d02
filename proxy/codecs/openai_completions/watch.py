"""The passthrough lane: whole events go by unchanged, and what the gateway must know is noted.

Source: as stream_decode's. An event whose fields are not of the documented types is an InvalidBody: no server is known to take liberties
with this old form.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.openai_chat.errors import error_event, in_band_error
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.openai_chat.watch import KEEP_ALIVE
from proxy.codecs.sse import SSEEvent, SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage


class _Choice(msgspec.Struct, gc=False):
    text: str | None = None
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    object: str | None = None
    id: str | None = None
    model: str | None = None
    service_tier: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_any = msgspec.json.Decoder().decode


class OpenAICompletionsWatcher:
    """An event with an in-band error is not forwarded: `error` is set, and whoever owns the stream tells the client with `fail`."""

    def __init__(self) -> None:
        self.content = False
        self.complete = False
        self.ended = False
        self.error: ErrorInfo | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.usage_chunk = b""
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._parser = SSEParser()
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        return b"".join([self._see(event) for event in self._parser.feed(chunk)])

    def close(self) -> bytes:
        """An event without its blank line is none, by the standard."""
        self._parser.close()
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        return error_event(error)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _see(self, event: SSEEvent) -> bytes:
        """What of the event is to be forwarded now."""
        if self._done:
            return b""
        data = event.data.strip()
        if not data:
            return event.raw
        if data == b"[DONE]":
            self._done = True
            self.ended = self.complete
            return b""
        chunk = self._chunk(data)
        if chunk.error or chunk.object == "error" or event.event == b"error":
            self._done = True
            self.complete = self.ended = False
            self.error = in_band_error(_decode_any(data))
            return b""
        self.response_id = self.response_id or chunk.id
        self.model = self.model or chunk.model
        if chunk.service_tier is not None:
            self.service_tier = billed_tier(chunk.service_tier)
        for choice in chunk.choices or ():
            self._note(choice)
        if chunk.usage is not None:
            self.usage = decode_usage(chunk.usage, self.service_tier)
            if not chunk.choices:
                self.usage_chunk = event.raw
                return b""
        return event.raw

    def _chunk(self, data: bytes) -> _Chunk:
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise InvalidBody(f"A stream event is not a completion chunk: {exc}") from None

    def _note(self, choice: _Choice) -> None:
        if choice.text:
            self.content = True
            self.text_bytes += len(choice.text)
        if choice.finish_reason is not None:
            self._finished.add(choice.index)
            self._unfinished.discard(choice.index)
        elif choice.index not in self._finished:
            self._unfinished.add(choice.index)
        self.complete = bool(self._finished) and not self._unfinished


_: type[StreamWatcher] = OpenAICompletionsWatcher
