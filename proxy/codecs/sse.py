"""Server-sent events, sans-IO: bytes in, whole events out.

Source: WHATWG HTML, section 9.2 "Server-sent events", read 2026-11-22. Everything stays bytes, so a character split between two
chunks needs no care. Lines end in CRLF, LF or CR; a blank line ends an event; an event without a data field is not dispatched; an
event that the body's end cuts off is discarded by the standard and here reported as the leftover.

Three ways through `feed`, by what the stream looks like:
    one whole LF-only event of the usual form, nothing buffered   no copy of the raw bytes
    LF-only                                                       one split on the blank lines
    a CR was seen                                                 a regular expression finds the blank lines
"""

import re

import msgspec

from proxy.codecs.base import InvalidBody

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Four times the largest event seen in practice (an image or audio part sent whole), small enough for hundreds of streams at once."""

_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?:\r\n|\r|\n)")


class SSEEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event. `event` is None where no (or an empty) type was given: the standard's "message"."""

    event: bytes | None
    data: bytes
    """The data lines joined by LF."""
    raw: bytes
    """As received, with the blank line that ends it and with the comments and dataless blocks before it."""


class SSEParser:
    """Feed chunks cut anywhere; a byte order mark at the start belongs to no event."""

    __slots__ = ("_buffer", "_carriage", "_clean", "_max", "_prefix", "_scan", "_started", "last_event_id", "retry_ms")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.last_event_id = b""
        """Value of the latest `id` field."""
        self.retry_ms: int | None = None
        """Value of the latest `retry` field."""
        self._max = max_event_bytes
        self._buffer = bytearray()
        self._prefix = b""
        """Blocks without data: part of the next event's raw bytes."""
        self._scan = 0
        """No blank line begins before this offset of the buffer."""
        self._carriage = False
        self._started = False
        self._clean = False
        """Nothing is buffered, and no CR has been seen: the next chunk may take the short way."""

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """Raises InvalidBody when one event exceeds the cap."""
        if self._clean:
            end = len(chunk) - 2
            if chunk.endswith(b"\n\n") and end < self._max and b"\r" not in chunk:
                if chunk.find(b"\n") == end and chunk.startswith(b"data: "):
                    return [SSEEvent(None, chunk[6:end], chunk)]
                if (event := _single(chunk, end, chunk)) is not None:
                    return [event]
        return self._feed_buffered(chunk)

    def lone(self, chunk: bytes) -> bytes | None:
        """The data of a chunk that is exactly one event of one `data: ` line while nothing is buffered, which then need not be fed; None:
        feed it."""
        end = len(chunk) - 2
        if self._clean and chunk.startswith(b"data: ") and chunk.find(b"\n") == end and chunk.endswith(b"\n\n") and end < self._max:
            return None if b"\r" in chunk else chunk[6:end]
        return None

    def close(self) -> bytes:
        """The leftover: bytes that belong to no dispatched event. b"" after a stream that ended with whole events."""
        leftover = self._prefix + bytes(self._buffer)
        self._prefix = b""
        self._buffer.clear()
        self._scan = 0
        self._clean = False
        return leftover

    def _feed_buffered(self, chunk: bytes) -> list[SSEEvent]:
        buffer = self._buffer
        buffer += chunk
        if not self._started and not self._strip_bom():
            return []
        if not self._carriage and b"\r" in chunk:
            self._carriage = True
        events = self._split_any() if self._carriage else self._split_lf()
        if len(buffer) + len(self._prefix) > self._max:
            raise self._too_large()
        self._clean = not buffer and not self._prefix and not self._carriage
        return events

    def _strip_bom(self) -> bool:
        """False while the first bytes may still turn out to be a byte order mark."""
        head = bytes(self._buffer[:3])
        if len(head) < 3 and _BOM.startswith(head):
            return False
        self._started = True
        if head == _BOM:
            del self._buffer[:3]
        return True

    def _split_lf(self) -> list[SSEEvent]:
        """All whole events of an LF-only buffer."""
        buffer = self._buffer
        cut = buffer.rfind(b"\n\n", self._scan)
        if cut < 0:
            self._scan = max(0, len(buffer) - 1)
            return []
        if cut and buffer[cut - 1] == 10:
            return self._split_any()
        pieces = bytes(buffer[:cut]).split(b"\n\n")
        del buffer[: cut + 2]
        self._scan = max(0, len(buffer) - 1)
        events: list[SSEEvent] = []
        for piece in pieces:
            raw = piece + b"\n\n"
            event = _single(piece, len(piece), raw) if not self._prefix and len(raw) <= self._max else None
            if event is None:
                self._block(piece, raw, events)
            else:
                events.append(event)
        return events

    def _split_any(self) -> list[SSEEvent]:
        """All whole events, whatever ends their lines.

        A CR that ends both the blank line and the buffer may be half of a CRLF: it waits for the next byte, unless the line before
        it ended in a bare CR too (a stream of bare CRs must not lag by one event; a late LF then opens the next event's raw bytes).
        """
        buffer = self._buffer
        events: list[SSEEvent] = []
        start = 0
        scan = self._scan
        while (match := _BLANK_LINE.search(buffer, scan)) is not None:
            end = match.end()
            if end == len(buffer) and match[0].endswith(b"\r") and match[0] != b"\r\r":
                scan = match.start()
                break
            raw = bytes(buffer[start:end])
            self._block(raw, raw, events)
            start = scan = end
        else:
            scan = max(start, len(buffer) - 3)
        del buffer[:start]
        self._scan = scan - start
        return events

    def _block(self, lines: bytes, raw: bytes, events: list[SSEEvent]) -> None:
        """Append the event of one block, or keep a block without data for the next."""
        if len(raw) + len(self._prefix) > self._max:
            raise self._too_large()
        event: bytes | None = None
        data: list[bytes] = []
        for line in lines.splitlines():
            name, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if name == b"data":
                data.append(value)
            elif name == b"event":
                event = value or None
            elif name == b"id" and b"\0" not in value:
                self.last_event_id = value
            elif name == b"retry" and value.isdigit():
                self.retry_ms = int(value)
        if data:
            events.append(SSEEvent(event, b"\n".join(data), self._with_prefix(raw)))
        else:
            self._prefix += raw

    def _with_prefix(self, raw: bytes) -> bytes:
        prefix = self._prefix
        self._prefix = b""
        return prefix + raw

    def _too_large(self) -> InvalidBody:
        return InvalidBody(f"A stream event exceeds {self._max} bytes")


def _single(lines: bytes, end: int, raw: bytes) -> SSEEvent | None:
    """The event of `lines[:end]` if that is one `data: ` line, or an `event: ` line and then one: what providers send."""
    line = lines.find(b"\n", 0, end)
    if line < 0:
        return SSEEvent(None, lines[6:end], raw) if lines.startswith(b"data: ") else None
    if lines.startswith(b"event: ") and lines.startswith(b"data: ", line + 1) and lines.find(b"\n", line + 1, end) < 0:
        return SSEEvent(lines[7:line] or None, lines[line + 7 : end], raw)
    return None


def sse_event(data: bytes, event: bytes | None = None) -> bytes:
    """The bytes of one event; line ends inside `data` become further data lines."""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(data.splitlines())
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event + b"\ndata: " + data + b"\n\n"
