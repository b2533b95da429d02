"""AWS event-stream framing (`application/vnd.amazon.eventstream`), sans-IO, both ways.

    total length (4) │ header length (4) │ CRC of these 8 bytes (4) │ headers │ payload │ CRC of all before it (4)
    header: name length (1) │ name │ type (1) │ value, by type: none, 1, 2, 4 or 8 bytes, 16 bytes, or length (2) and so many bytes

Big-endian, CRC-32 as zlib's. Source: Smithy 2.0 "Amazon Event Stream specification", read 2026-11-25. The lengths are judged as soon as
the prelude is whole, so a frame over a cap is refused before it is gathered.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from zlib import crc32

import msgspec

from proxy.codecs.base import InvalidBody

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""As for an SSE event: far over what providers send (a whole image), small enough for hundreds of streams at once."""
MAX_HEADER_BYTES = 128 * 1024
"""The specification's own limit."""

Value = bool | int | bytes | str
"""bytes: a byte array or the 16 bytes of a UUID; int: also a timestamp, in ms since 1970."""

_PRELUDE = 12
_LEAST = _PRELUDE + 4
_U32 = struct.Struct(">I")
_LENGTHS = struct.Struct(">III")
_FIXED = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8}
"""Header type → bytes of its signed integer: byte, short, integer, long, timestamp."""
_BYTES, _STRING, _UUID = 6, 7, 9
_MAX_STRING = 2**15 - 1
_REMEMBERED = 32
_SHORT_HEADERS = 512


class Frame(msgspec.Struct, frozen=True, gc=False):
    headers: Mapping[str, Value]
    payload: bytes
    raw: bytes
    """The frame as received."""

    def text(self, name: str) -> str | None:
        """A string header's value; None where there is none of that name or it is of another type."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else None


class EventStreamParser:
    """Feed chunks cut anywhere. After an InvalidBody nothing more can be told from the stream."""

    __slots__ = ("_buffer", "_known", "_max", "_max_headers")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES, max_header_bytes: int = MAX_HEADER_BYTES) -> None:
        self._max = max_frame_bytes
        self._max_headers = max_header_bytes
        self._buffer = bytearray()
        self._known: dict[bytes, Mapping[str, Value]] = {}
        """Headers already parsed: a stream has a handful of different ones."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Every frame that became whole. Raises InvalidBody on a wrong checksum, impossible lengths or headers, and over a cap."""
        buffer = self._buffer
        buffer += chunk
        frames: list[Frame] = []
        start, size = 0, len(buffer)
        while size - start >= _PRELUDE:
            total, headers = self._lengths(start)
            if size - start < total:
                break
            raw = bytes(buffer[start : start + total])
            frames.append(self._frame(raw, headers))
            start += total
        del buffer[:start]
        return frames

    def close(self) -> None:
        """Raises InvalidBody where the body ended within a frame."""
        left = len(self._buffer)
        if left:
            self._buffer.clear()
            raise InvalidBody(f"The event stream ended within a frame, {left} bytes after its start")

    def _lengths(self, start: int) -> tuple[int, int]:
        total, headers, checksum = _LENGTHS.unpack_from(self._buffer, start)
        if crc32(self._buffer[start : start + 8]) != checksum:
            raise InvalidBody("An event-stream frame has a wrong prelude checksum")
        if total > self._max:
            raise InvalidBody(f"An event-stream frame exceeds {self._max} bytes")
        if headers > self._max_headers:
            raise InvalidBody(f"The headers of an event-stream frame exceed {self._max_headers} bytes")
        if total < _LEAST + headers:
            raise InvalidBody(f"An event-stream frame of {total} bytes cannot hold {headers} bytes of headers")
        return total, headers

    def _frame(self, raw: bytes, headers: int) -> Frame:
        end = len(raw) - 4
        if crc32(memoryview(raw)[:end]) != _U32.unpack_from(raw, end)[0]:
            raise InvalidBody("An event-stream frame has a wrong checksum")
        begin = _PRELUDE + headers
        return Frame(self._headers(raw[_PRELUDE:begin]), raw[begin:end], raw)

    def _headers(self, raw: bytes) -> Mapping[str, Value]:
        known = self._known.get(raw)
        if known is None:
            known = MappingProxyType(parse_headers(raw))
            if len(raw) <= _SHORT_HEADERS and len(self._known) < _REMEMBERED:
                self._known[raw] = known
        return known


def parse_headers(raw: bytes) -> dict[str, Value]:
    """Raises InvalidBody where they overrun, repeat a name, have an unknown type or text that is not UTF-8."""
    headers: dict[str, Value] = {}
    at = 0
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name = _cut(raw, at + 1, end).decode()
            if not name or name in headers:
                raise InvalidBody(f"An event-stream frame {'repeats the header ' + name[:40] if name else 'has a header without a name'}")
            headers[name], at = _value(raw, raw[end], end + 1)
    except (IndexError, struct.error, UnicodeDecodeError) as exc:
        raise InvalidBody(f"An event-stream frame has malformed headers: {exc}") from None
    return headers


def _value(raw: bytes, kind: int, at: int) -> tuple[Value, int]:
    """The value that begins at `at`, and where it ends."""
    if kind <= 1:
        return kind == 0, at
    if (size := _FIXED.get(kind)) is not None:
        return int.from_bytes(_cut(raw, at, at + size), "big", signed=True), at + size
    if kind == _UUID:
        return _cut(raw, at, at + 16), at + 16
    if kind not in (_BYTES, _STRING):
        raise InvalidBody(f"An event-stream frame has a header of the unknown type {kind}")
    end = at + 2 + int.from_bytes(_cut(raw, at, at + 2), "big")
    value = _cut(raw, at + 2, end)
    return (value if kind == _BYTES else value.decode()), end


def _cut(raw: bytes, start: int, end: int) -> bytes:
    if end > len(raw):
        raise IndexError("a header overruns them")
    return raw[start:end]


def encode_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A frame with string headers, in the order given. Raises ValueError on a name over 255 or a value over 32 767 bytes."""
    encoded = b"".join([_string_header(name.encode(), value.encode()) for name, value in headers.items()])
    prelude = struct.pack(">II", _LEAST + len(encoded) + len(payload), len(encoded))
    head = prelude + _U32.pack(crc32(prelude)) + encoded
    return head + payload + _U32.pack(crc32(payload, crc32(head)))


def _string_header(name: bytes, value: bytes) -> bytes:
    if not 0 < len(name) < 256 or len(value) > _MAX_STRING:
        raise ValueError("an event-stream header is too long, or has no name")
    return b"%c%s%c%s%s" % (len(name), name, _STRING, len(value).to_bytes(2, "big"), value)


def event_frame(event_type: str, payload: bytes) -> bytes:
    """A JSON event, with AWS's own headers."""
    return encode_frame({":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception_frame(exception_type: str, payload: bytes) -> bytes:
    """A modelled error, which ends a stream."""
    return encode_frame({":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}, payload)
