"""HTTP/2, outbound proxies and odd TLS, by httpx2.

Used below its client, at AsyncHTTPTransport: a client would keep cookies from one tenant's answer for another's request, and would follow,
decode and retry by its own rules. Phases and time-outs come from httpcore's trace events, so that one timer bounds what they say it does.

What differs from http1: the connection limit counts all origins together; idle connections close at the next request, not by themselves;
what the peer sends before it has the whole request is only read after it closed; h11 unfolds obs-fold and equal content-lengths.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11
import httpx2

from proxy.core.tasks import TaskSupervisor
from proxy.transport.base import (
    Header,
    Phase,
    ResponseTooLarge,
    Timeouts,
    Transport,
    TransportError,
    TransportStats,
    UpstreamRequest,
    UpstreamResponse,
)
from proxy.transport.coding import STREAM_STEP_BYTES, CodingError, DecoderTable, ExpandsTooFar, decoder_for, decoders
from proxy.transport.parser import MAX_HEAD_BYTES, MAX_HEADER_LINES
from proxy.transport.wire import RequestWriter

_PIECE_BYTES = 64 * 1024
_CLOSE_GRACE_S = 1.0


class HttpxTransport:
    def __init__(
        self, *, tls: ssl.SSLContext, proxy: str | None = None, http2: bool = False, max_connections: int = 1000, keepalive_s: float = 55.0
    ) -> None:
        limits = httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=keepalive_s)
        self._inner = _Inner(verify=tls, trust_env=False, http2=http2, limits=limits, proxy=proxy, retries=0)
        self._writer = RequestWriter()
        self._decoders = decoders()
        self._closing = TaskSupervisor()
        self._closed = False

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        exchange = _Exchange(request.timeouts)
        if self._closed:
            raise exchange.failure("the transport is closed")
        deadline = request.timeouts.deadline
        if deadline is not None and deadline <= asyncio.get_running_loop().time():
            raise exchange.failure("the deadline passed before the request", timeout=True)
        try:
            answer = await self._send(request, exchange)
        finally:
            if exchange.handshaking is not None:
                # httpcore closes it after a failed handshake, but forgets it after a cancelled one.
                self._closing.start(exchange.handshaking.aclose(), name="transport-close")
        response = HttpxResponse(self, answer, exchange, request, self._decoders)
        try:
            response.check()
        except TransportError:
            await self.give_back(answer)
            raise
        return response

    async def _send(self, request: UpstreamRequest, exchange: "_Exchange") -> httpx2.Response:
        inner_request = self._request(request, exchange)
        try:
            async with asyncio.timeout_at(exchange.due(request.timeouts.connect_s)) as exchange.scope:
                return await self._inner.handle_async_request(inner_request)
        except TimeoutError as exc:
            raise exchange.failure("no answer in time", timeout=True) from exc
        except (httpx2.TransportError, OSError) as exc:
            raise exchange.failure(str(exc) or type(exc).__name__) from exc

    async def give_back(self, answer: httpx2.Response) -> None:
        """To the pool if it was read to its end, else closed."""
        await answer.stream.aclose()  # type: ignore[union-attr]
        if self._closed:
            await self._inner.close_idle()

    def give_back_soon(self, answer: httpx2.Response) -> None:
        """The same for callers that cannot wait: with the next turn of the loop."""
        self._closing.start(self.give_back(answer), name="transport-close")

    def stats(self) -> TransportStats:
        return self._inner.stats()

    async def aclose(self) -> None:
        self._closed = True
        await self._closing.close(grace_s=_CLOSE_GRACE_S)
        await self._inner.close_idle()

    def _request(self, request: UpstreamRequest, exchange: "_Exchange") -> httpx2.Request:
        lines = self._writer.head(request, self._writer.target(request.url)).split(b"\r\n")[1:-2]
        headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
        extensions = {"trace": exchange.trace}
        return httpx2.Request(request.method, request.url, headers=headers, stream=_Pieces(request.body, exchange), extensions=extensions)


class HttpxResponse:
    def __init__(
        self, owner: HttpxTransport, answer: httpx2.Response, exchange: "_Exchange", request: UpstreamRequest, table: DecoderTable
    ) -> None:
        self.status = answer.status_code
        self.headers: list[Header] = [(name.lower(), value) for name, value in answer.headers.raw]
        self._owner = owner
        self._answer = answer
        self._exchange = exchange
        self._request = request
        self._pieces = aiter(answer.stream)  # type: ignore[arg-type]
        self._version: bytes = answer.extensions.get("http_version", b"HTTP/1.1")
        self._step = STREAM_STEP_BYTES
        self._ended = False
        self._closed = False
        self.framed = (
            self._version == b"HTTP/2"
            or request.method == "HEAD"
            or self.status in (204, 304)
            or any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        )
        coding = b", ".join(value for name, value in self.headers if name == b"content-encoding")
        self._decoder = decoder_for(coding, table)
        self._raw_headers = self.headers
        if self._decoder is not None:
            self.headers = [pair for pair in self.headers if pair[0] not in (b"content-encoding", b"content-length")]

    def check(self) -> None:
        """TransportError for heads that http1 refuses too."""
        if self.status < 200 or self._version not in (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2"):
            raise self._exchange.failure(f"unexpected status {self.status} or version {self._version!r}")
        size = sum(len(name) + len(value) + 4 for name, value in self._raw_headers)
        if len(self._raw_headers) > MAX_HEADER_LINES or size > MAX_HEAD_BYTES:
            raise ResponseTooLarge("the answer's head is too large", phase="headers", sent=True)
        codings = [value.lower() for name, value in self._raw_headers if name == b"transfer-encoding"]
        if codings and (codings != [b"chunked"] or self._version != b"HTTP/1.1" or self._has(b"content-length")):
            raise self._exchange.failure("ambiguous transfer-encoding")

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def finished(self) -> bool:
        return self._ended

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        limit = self._request.max_response_bytes
        self._step = limit
        body = bytearray()
        while piece := await self.next_chunk():
            body += piece
            self._step = limit - len(body)
            if self._step < 0:
                self.close()
                raise ResponseTooLarge(f"the body is over {limit} bytes", phase="body", sent=True)
        return bytes(body)

    async def next_chunk(self) -> bytes:
        while not self._ended:
            piece = await self._next()
            if piece and self._decoder is not None:
                piece = self._decode(piece)
            if piece:
                return piece
        if self._decoder is not None and not self._decoder.ended:
            raise self._exchange.failure("the compressed body ends early")
        return b""

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.next_chunk():
            yield piece

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._owner.give_back_soon(self._answer)

    async def _next(self) -> bytes:
        exchange = self._exchange
        exchange.phase = "body"
        if self._closed:
            raise exchange.failure("the answer was closed before its end")
        try:
            async with asyncio.timeout_at(exchange.due(self._request.timeouts.between_bytes_s)):
                return await anext(self._pieces)
        except StopAsyncIteration:
            self._ended = self._closed = True
            _spoil_if_trailed(self._answer)
            await self._owner.give_back(self._answer)
            return b""
        except TimeoutError as exc:
            self.close()
            raise exchange.failure("the body stalled", timeout=True) from exc
        except (httpx2.TransportError, OSError) as exc:
            self.close()
            raise exchange.failure(str(exc) or type(exc).__name__) from exc
        except asyncio.CancelledError:
            self.close()
            raise

    def _decode(self, piece: bytes) -> bytes:
        if self._decoder is None:
            return piece
        try:
            return self._decoder.feed(piece, self._step)
        except CodingError as exc:
            self.close()
            if isinstance(exc, ExpandsTooFar):
                raise ResponseTooLarge(str(exc), phase="body", sent=True) from exc
            raise self._exchange.failure(f"cannot decompress the body: {exc}") from exc

    def _has(self, name: bytes) -> bool:
        return any(key == name for key, _ in self._raw_headers)


class _Exchange:
    """Where an exchange stands, told by httpcore's trace events, and the one time-out that follows it."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.phase: Phase = "connect"
        self.sent = False
        self.scope: asyncio.Timeout | None = None
        self.handshaking: Any = None
        """The network stream that a TLS handshake runs on."""
        self._connected: Any = None

    def due(self, wait_s: float | None) -> float | None:
        deadline = self._timeouts.deadline
        if wait_s is None:
            return deadline
        due = asyncio.get_running_loop().time() + wait_s
        return due if deadline is None else min(due, deadline)

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        request = info.get("request")
        if request is not None and request.method == b"CONNECT":
            return
        name = event.partition(".")[2]
        if name == "connect_tcp.complete":
            self._connected = info["return_value"]
        elif name == "start_tls.started":
            self.phase, self.handshaking = "tls", self._connected
        elif name == "start_tls.complete":
            self.handshaking = None
        elif name == "send_request_headers.started":
            self.phase, self.sent = "send", True
            self.progress()
        elif name == "receive_response_headers.started":
            self.phase = "headers"
            self.progress()

    def progress(self) -> None:
        """The peer took something: `headers_s` starts anew."""
        if self.scope is not None and not self.scope.expired():
            self.scope.reschedule(self.due(self._timeouts.headers_s))

    def failure(self, message: str, *, timeout: bool = False) -> TransportError:
        return TransportError(message, phase=self.phase, sent=self.sent, timeout=timeout)


class _Pieces(httpx2.AsyncByteStream):
    """A body in pieces, so that each one that leaves counts as progress."""

    def __init__(self, body: bytes, exchange: _Exchange) -> None:
        self._body = body
        self._exchange = exchange

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), _PIECE_BYTES):
            self._exchange.progress()
            yield self._body[start : start + _PIECE_BYTES]


def _spoil_if_trailed(answer: httpx2.Response) -> None:
    """Bytes that came after an answer would be read as the answer to whatever is sent next: httpcore keeps them (2.16, tried). It offers no
    way to look, hence the private names; a test of the contract suite fails when they change."""
    step: Any = answer.stream
    for name in ("_httpcore_stream", "_pool_request", "connection"):
        step = getattr(step, name, None)
    while (inner := getattr(step, "_connection", None)) is not None:
        step = inner
    state: h11.Connection | None = getattr(step, "_h11_state", None)
    if state is not None and state.trailing_data[0]:
        state.send_failed()


class _Inner(httpx2.AsyncHTTPTransport):
    """With a look into its pool, which httpx2 does not offer and httpcore2 does."""

    def stats(self) -> TransportStats:
        open_ = [connection for connection in self._pool.connections if not connection.is_closed()]
        idle = sum(connection.is_idle() for connection in open_)
        return TransportStats(open=len(open_), idle=idle, in_use=len(open_) - idle)

    async def close_idle(self) -> None:
        for connection in self._pool.connections:
            if connection.is_idle():
                await connection.aclose()


_: type[Transport] = HttpxTransport
