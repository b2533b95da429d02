"""Bytes of a connection into answers, strictly.

llhttp in strict mode refuses most of what could be read in two ways: content-length with transfer-encoding, a second content-length,
obs-fold, NUL, bare CR or LF, chunk sizes and status lines that are not exactly that. What it lets through and is still ambiguous is refused
here: other transfer-codings than one `chunked`, chunks in HTTP/1.0, versions that are not 1.x, an upgrade nobody asked for.
"""

import re

import httptools

from proxy.transport.base import Header, ResponseTooLarge, TransportError
from proxy.transport.coding import DecoderTable, decoder_for
from proxy.transport.response import FedResponse, Source
from proxy.transport.whole_answer import ANSWERS

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADER_LINES = 200
_NOTED = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"keep-alive"})
_HINT = re.compile(rb"timeout\s*=\s*(\d{1,6})", re.IGNORECASE)


_whole = ANSWERS.read


class _Stop(Exception):
    """Ends a feed from inside a callback."""


class ResponseParser:
    """`expect` before each request, `feed` for all that arrives."""

    __slots__ = (
        "_bare",
        "_coding",
        "_decoders",
        "_fed",
        "_headers",
        "_interim",
        "_is_http1",
        "_limit",
        "_overhead",
        "_parser",
        "_refusal",
        "_source",
        "_trailers",
        "_used",
        "between_chunks",
        "complete",
        "framed",
        "keepalive_hint_s",
        "response",
        "reusable",
    )

    def __init__(self, source: Source, decoders: DecoderTable) -> None:
        self._source = source
        self._decoders = decoders
        self._parser = httptools.HttpResponseParser(self)
        self.keepalive_hint_s: float | None = None
        """Of the last `Keep-Alive: timeout=`."""
        self._used = True
        self.expect(bare=False, limit=0)

    def expect(self, *, bare: bool, limit: int) -> None:
        """`bare`: the answer to a HEAD. `limit`: bytes of body that `read` may give."""
        self._bare = bare
        self._limit = limit
        self._fed = 0
        self.framed = False
        self.response: FedResponse | None = None
        """From the end of its head on."""
        self.complete = False
        self.reusable = False
        """After `complete`: another request may follow on the connection."""
        if self._used:
            self._start()

    def _start(self) -> None:
        """What only an answer that goes through llhttp has touched."""
        self._used = False
        self._headers: list[Header] = []
        self.between_chunks = False
        """The body comes in chunks, and llhttp has seen the last one's end."""
        self._is_http1 = False
        self._overhead = 0
        self._trailers = 0
        self._coding: bytes | None = None
        self._interim = False
        self._refusal: TransportError | None = None

    def feed(self, data: bytes) -> None:
        """Raises TransportError when the bytes are no acceptable answer; past a complete answer they only make it unreusable."""
        response = self.response
        before = -1
        if response is not None:
            if self.between_chunks and (piece := lone_chunk(data)):
                response.chunks.append(piece)
                response.buffered += len(piece)
                return  # llhttp, which stands between two chunks, need not know
            before = response.buffered
        elif not self._fed:
            if not self._bare and (whole := _whole(data)) is not None:
                headers, body = whole
                self.framed = self.complete = self.reusable = True
                self.response = response = FedResponse(self._source, 200, headers, True, self._limit)
                response.chunks = [body]
                self._fed = response.buffered = len(body)
                return  # llhttp, which stands before an answer, need not know
            self._used = True
            # The parser gives the version as a newly formatted string only.
            self._is_http1 = data.startswith(b"HTTP/1.")
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            if not self.complete:
                raise self._refusal or self._error(f"invalid answer: {exc}") from exc
            self.reusable = False
            return
        if self.complete:
            return
        if self.response is None:
            if self._fed > MAX_HEAD_BYTES:
                raise ResponseTooLarge(f"the answer's head is over {MAX_HEAD_BYTES} bytes", phase="headers", sent=True)
        elif self.response.buffered == before:
            self._overhead += len(data)
            if self._overhead > MAX_HEAD_BYTES:
                raise ResponseTooLarge("chunk extensions or trailers without end", phase="body", sent=True)

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.response is None:
            name = name.lower()
            self._headers.append((name, value))
            if name in _NOTED:
                self._note(name, value)
            return
        self._trailers += 1
        if self._trailers > MAX_HEADER_LINES:
            self._refuse(ResponseTooLarge(f"over {MAX_HEADER_LINES} trailers", phase="body", sent=True))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._is_http1 and self._parser.get_http_version() not in ("1.1", "1.0"):
            self._refuse(self._error("the answer's HTTP version is not 1.x"))
        if status < 200:
            if status < 100 or status == 101:
                self._refuse(self._error(f"unexpected status {status}"))
            self._interim = True
            return
        if len(self._headers) > MAX_HEADER_LINES or self._fed > MAX_HEAD_BYTES:
            self._check_size()
        framed = self.framed or self._bare or status == 204 or status == 304
        self.response = FedResponse(self._source, status, self._headers, framed, self._limit)
        if self._coding is not None:
            self._undo(self.response, self._coding)
        if self._bare:
            # llhttp cannot be told through httptools that no body follows, so the connection ends with the answer to a HEAD.
            self.complete = True
            raise _Stop

    def on_body(self, piece: bytes) -> None:
        response = self.response
        if response is not None:
            response.chunks.append(piece)
            response.buffered += len(piece)

    def on_chunk_header(self) -> None:
        self.between_chunks = False

    def on_chunk_complete(self) -> None:
        self.between_chunks = True

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = self.framed = self._is_http1 = False
            self._coding = None
            self._headers = []
            return
        self.complete = True
        self.reusable = self._parser.should_keep_alive()

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self.framed = True
        elif name == b"transfer-encoding":
            if self.framed or value.lower() != b"chunked" or self._parser.get_http_version() == "1.0":
                self._refuse(self._error("ambiguous transfer-encoding"))
            self.framed = True
        elif name == b"content-encoding":
            self._coding = value if self._coding is None else self._coding + b", " + value
        elif found := _HINT.search(value):
            self.keepalive_hint_s = float(found[1])

    def _undo(self, response: FedResponse, coding: bytes) -> None:
        response.decoder = decoder_for(coding, self._decoders)
        if response.decoder is not None:
            response.headers = [pair for pair in self._headers if pair[0] not in (b"content-encoding", b"content-length")]

    def _check_size(self) -> None:
        if len(self._headers) > MAX_HEADER_LINES:
            self._refuse(ResponseTooLarge(f"the answer has over {MAX_HEADER_LINES} headers", phase="headers", sent=True))
        if self._fed > MAX_HEAD_BYTES and sum(len(name) + len(value) + 4 for name, value in self._headers) > MAX_HEAD_BYTES:
            self._refuse(ResponseTooLarge(f"the answer's head is over {MAX_HEAD_BYTES} bytes", phase="headers", sent=True))

    def _refuse(self, error: TransportError) -> None:
        self._refusal = error
        raise _Stop

    def _error(self, message: str) -> TransportError:
        return TransportError(message, phase="headers" if self.response is None else "body", sent=True)


def lone_chunk(data: bytes) -> bytes | None:
    """The content of `data` where that is exactly one chunk without extensions, as a server that streams sends it: found in a quarter of
    the time that the parser and its call-backs take. None: anything else, the last chunk included."""
    cut = data.find(b"\r\n", 1, 10)
    if cut > 0 and data[:cut].lower() == b"%x" % (len(data) - cut - 4) and data.endswith(b"\r\n"):
        return data[cut + 2 : -2]
    return None
