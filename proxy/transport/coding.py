"""Content codings: compressed pieces in, plain bytes out, never more than asked for.

gzip and deflate are in the standard library, br and zstd need the extras of the same name. A coding that is not here is reported when
the body is read, so that the status and headers of the answer still count.
"""

import importlib
import zlib
from collections.abc import Callable
from typing import Any, Protocol

STREAM_STEP_BYTES = 16 * 1024 * 1024
"""What one piece from the socket (≤ 256 KiB) may expand to in a stream: deflate cannot do more than 1:1032, text stays under 1:50."""
_ZSTD_SLICE = 512
"""zstandard cannot bound its output and a 4-byte block can stand for 128 KiB, so it is fed in slices that expand to ≤ 16 MiB."""


class CodingError(Exception):
    """The body does not follow its content-coding."""


class ExpandsTooFar(CodingError):
    """A step gave more than its limit."""


class Decoder(Protocol):
    def feed(self, data: bytes, limit: int) -> bytes:
        """Raises ExpandsTooFar past `limit` bytes, CodingError for data that are not of the coding."""
        ...

    @property
    def ended(self) -> bool:
        """The coding's own end was seen, or nothing was fed at all."""
        ...


DecoderTable = dict[bytes, Callable[[], Decoder]]


class _Output:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.room = limit
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.room -= len(piece)
        if self.room < 0:
            raise ExpandsTooFar(f"the body expands past {self._limit} bytes")

    def join(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Zlib:
    """`wbits` as for zlib.decompressobj. Several gzip members may follow each other (RFC 1952, 2.2)."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._object = zlib.decompressobj(wbits)
        self._fed = False

    def feed(self, data: bytes, limit: int) -> bytes:
        self._fed = self._fed or bool(data)
        out = _Output(limit)
        try:
            while data:
                if self._object.eof:
                    self._object = zlib.decompressobj(self._wbits)
                out.add(self._object.decompress(data, out.room + 1))
                data = self._object.unused_data
        except zlib.error as exc:
            raise CodingError(str(exc)) from exc
        return out.join()

    @property
    def ended(self) -> bool:
        return self._object.eof or not self._fed


class _Deflate:
    """zlib data (RFC 9110, 8.4.1.2) or, as some servers send, raw deflate; the first two bytes tell."""

    def __init__(self) -> None:
        self._start = b""
        self._inner: _Zlib | None = None

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._inner is None:
            self._start += data
            if len(self._start) < 2:
                return b""
            data, first = self._start, self._start[0]
            zlib_header = first & 0x0F == 8 and (first << 8 | data[1]) % 31 == 0
            self._inner = _Zlib(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        return self._inner.feed(data, limit)

    @property
    def ended(self) -> bool:
        return not self._start if self._inner is None else self._inner.ended


class _Brotli:
    def __init__(self, module: Any) -> None:
        self._error: type[Exception] = module.error
        self._object = module.Decompressor()
        self._fed = False

    def feed(self, data: bytes, limit: int) -> bytes:
        self._fed = self._fed or bool(data)
        out = _Output(limit)
        try:
            out.add(self._object.process(data, output_buffer_limit=limit + 1))
            while not self._object.can_accept_more_data():
                out.add(self._object.process(b"", output_buffer_limit=limit + 1))
        except self._error as exc:
            raise CodingError(str(exc)) from exc
        return out.join()

    @property
    def ended(self) -> bool:
        return bool(self._object.is_finished()) or not self._fed


class _Zstd:
    """Several frames may follow each other (RFC 8878, 3)."""

    def __init__(self, module: Any) -> None:
        self._error: type[Exception] = module.ZstdError
        self._decompressor = module.ZstdDecompressor(max_window_size=8 * 1024 * 1024)
        self._object = self._decompressor.decompressobj()
        self._fed = False

    def feed(self, data: bytes, limit: int) -> bytes:
        self._fed = self._fed or bool(data)
        out = _Output(limit)
        try:
            for start in range(0, len(data), _ZSTD_SLICE):
                rest = data[start : start + _ZSTD_SLICE]
                while rest:
                    if self._object.eof:
                        self._object = self._decompressor.decompressobj()
                    out.add(self._object.decompress(rest))
                    rest = self._object.unused_data
        except self._error as exc:
            raise CodingError(str(exc)) from exc
        return out.join()

    @property
    def ended(self) -> bool:
        return bool(self._object.eof) or not self._fed


def _optional(module: str, make: Callable[[Any], Decoder]) -> Callable[[], Decoder] | None:
    try:
        found = importlib.import_module(module)
    except ImportError:
        return None
    return lambda: make(found)


def decoders(import_names: tuple[str, str] = ("brotli", "zstandard")) -> DecoderTable:
    """Content-coding → maker of a decoder, for the codings this installation can undo, dearest to compress first."""
    table: dict[bytes, Callable[[], Decoder] | None] = {
        b"br": _optional(import_names[0], _Brotli),
        b"zstd": _optional(import_names[1], _Zstd),
        b"gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
        b"x-gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
        b"deflate": _Deflate,
    }
    return {name: make for name, make in table.items() if make is not None}


class _Unknown:
    """A coding that cannot be undone: an empty body is fine, anything else is an error when it is read."""

    def __init__(self, coding: bytes) -> None:
        self._coding = coding

    def feed(self, data: bytes, limit: int) -> bytes:
        raise CodingError(f"unknown content-coding {self._coding[:40]!r}")

    @property
    def ended(self) -> bool:
        return True


def decoder_for(coding: bytes, table: DecoderTable) -> Decoder | None:
    """`coding`: the value of Content-Encoding. None: nothing to undo. Several codings on top of each other are unknown on purpose."""
    name = coding.strip().lower()
    if name in (b"", b"identity"):
        return None
    make = table.get(name)
    return _Unknown(name) if make is None else make()
