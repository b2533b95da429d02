"""What OpenAI's streams of chunks have in common, whatever a chunk holds: events, `[DONE]`, JSON, in-band errors."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.errors import in_band_error
from proxy.codecs.openai_chat.fields import record
from proxy.codecs.sse import SSEParser
from proxy.core.events import StreamEvent, StreamFailed

_decode = msgspec.json.Decoder().decode


class ChunkStreamDecoder(ABC):
    """A dialect says what a chunk means (`_chunk`) and whether the stream is whole when it ends (`_end`)."""

    def __init__(self) -> None:
        self._parser = SSEParser()
        self._over = False

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        for event in self._parser.feed(chunk):
            if self._over:
                break
            data = event.data.strip()
            if data == b"[DONE]":
                self._finish_stream(out)
            elif data:
                self._read(data, event.event == b"error", out)
        return out

    def close(self) -> list[StreamEvent]:
        out: list[StreamEvent] = []
        self._parser.close()
        if not self._over:
            self._finish_stream(out)
        return out

    @abstractmethod
    def _chunk(self, chunk: dict[str, Any], out: list[StreamEvent]) -> None:
        """One chunk, no error. Raises InvalidBody naming the field."""

    @abstractmethod
    def _end(self, out: list[StreamEvent]) -> None:
        """The stream is over: StreamEnd iff the terminal evidence was seen."""

    def _finish_stream(self, out: list[StreamEvent]) -> None:
        self._over = True
        self._end(out)

    def _read(self, data: bytes, is_error: bool, out: list[StreamEvent]) -> None:
        try:
            value = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise InvalidBody(f"A stream event is not JSON: {exc}") from None
        chunk = record(value, "the stream event")
        if is_error or chunk.get("error") or chunk.get("object") == "error":
            self._over = True
            out.append(StreamFailed(error=in_band_error(chunk)))
        else:
            self._chunk(chunk, out)
