"""One connection: requests out, answers in, one at a time.

    opening ── adopt ──> idle ── begin ──> send ──> headers ──> body ──> idle
       └───────────────────┴─────────────────┴─────────┴─────────┴────> closed

A request up to 64 KiB is written at once and counts as sent; a larger one is `send` until its last byte left the buffer.
"""

import asyncio
import select
from typing import Literal, Protocol, cast

from proxy.transport.base import Phase, TransportError, UpstreamRequest
from proxy.transport.coding import DecoderTable
from proxy.transport.parser import ResponseParser, lone_chunk
from proxy.transport.response import FedResponse
from proxy.transport.timer import NEVER, LazyTimer
from proxy.transport.wire import Origin

_JOIN_UP_TO_BYTES = 64 * 1024
_SEND_LOOKS = 20
"""Looks at the write buffer within `headers_s` while a large request leaves."""
_PROBE_IDLE_S = 0.1
"""A connection idle for longer is asked whether the peer closed it (2 µs): the loop may not have read the end yet. Under load, where the
2 µs count, connections are idle for less, and servers close those that have been idle for seconds."""

State = Literal["opening", "idle", "send", "headers", "body", "closed"]


class Owner(Protocol):
    def release(self, connection: "Connection") -> None:
        """Idle again, fit for another request."""
        ...

    def discard(self, connection: "Connection") -> None:
        """Closed; called once, and only after it was adopted."""
        ...


class Connection(asyncio.Protocol):
    __slots__ = (
        "_answer",
        "_between_s",
        "_deadline",
        "_exchange",
        "_fd",
        "_headers_s",
        "_idle_since",
        "_loop",
        "_owner",
        "_parser",
        "_paused",
        "_progress_at",
        "_state",
        "_timer",
        "_transport",
        "_unsent",
        "origin",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, owner: Owner, decoders: DecoderTable) -> None:
        self.origin = origin
        self._loop = loop
        self._owner = owner
        self._parser = ResponseParser(self, decoders)
        self._timer = LazyTimer(loop, self._fired)
        self._transport: asyncio.Transport | None = None
        self._fd = -1
        self._state: State = "opening"
        self._idle_since = loop.time()
        self._exchange: asyncio.Future[FedResponse] | None = None
        """Which `begin` the connection works for; stays until the end of the body."""
        self._answer: asyncio.Future[FedResponse] | None = None
        """The same until the head is in."""
        self._paused = False
        self._deadline = NEVER
        self._headers_s: float | None = None
        self._between_s: float | None = None
        self._unsent = 0
        self._progress_at = 0.0

    def adopt(self) -> bool:
        """Ready for requests, and the owner's from now on. False: it closed while it was opening."""
        if self._state == "opening":
            self._state = "idle"
        return self._state == "idle"

    def begin(self, head: bytes, request: UpstreamRequest) -> asyncio.Future[FedResponse]:
        """Write the request. The future gets the answer, or TransportError. The connection must be usable."""
        transport, timeouts, body = self._transport, request.timeouts, request.body
        if transport is None:
            raise RuntimeError("the connection is not open")
        due = self._deadline = NEVER if timeouts.deadline is None else timeouts.deadline
        self._headers_s = headers_s = timeouts.headers_s
        self._between_s = timeouts.between_bytes_s
        self._parser.expect(bare=request.method == "HEAD", limit=request.max_response_bytes)
        self._exchange = self._answer = answer = self._loop.create_future()
        if len(body) <= _JOIN_UP_TO_BYTES:
            self._state = "headers"
            transport.write(head + body if body else head)
            self._timer.set(due if headers_s is None else self._due(headers_s))
        else:
            self._send_large(transport, head, body)
        return answer

    def cancel(self, answer: asyncio.Future[FedResponse]) -> None:
        """Whoever waited for this `begin` gave up; nothing happens when the connection has moved on."""
        if self._exchange is answer:
            self.abort()

    def usable(self, now: float) -> bool:
        """False: closed, closing, or the peer sent something (an end, as a rule) that the loop has not read yet."""
        if self._state != "idle":
            return False
        if now - self._idle_since < _PROBE_IDLE_S:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return not poll.poll(0)

    def park(self, keepalive_s: float) -> None:
        """Idle from now, closed after `keepalive_s` or a second before the peer said that it will."""
        hint = self._parser.keepalive_hint_s
        if hint is not None and hint - 1 < keepalive_s:
            keepalive_s = hint - 1
        self._idle_since = now = self._loop.time()
        self._timer.set(now + keepalive_s)

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._timer.set(self._due(self._between_s))
            self._transport.resume_reading()

    def abort(self) -> None:
        before = self._state
        if before != "closed":
            self._state = "closed"
            self._timer.cancel()
            self._exchange = None
            if self._transport is not None:
                self._transport.abort()
            if before != "opening":
                self._owner.discard(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if self._exchange is None:
            self.abort()
            return
        response = parser.response
        if response is not None and response.sink is not None and parser.between_chunks and (piece := lone_chunk(data)):
            # The usual piece of a stream, from socket to socket: a fifth of a chunk's cost saved.
            if not response.sink(piece):
                response.stop_relay()
            if self._between_s is not None and self._state == "body":
                self._timer.set(self._due(self._between_s))
            return
        try:
            parser.feed(data)
        except TransportError as error:
            self._fail(error)
            return
        response = parser.response
        if response is None:
            return
        answer, self._answer = self._answer, None
        if answer is not None and answer.done():
            self.abort()
            return
        if parser.complete:
            self._finish(parser, response)
        else:
            self._state = "body"
            self._more_to_come(response)
        if answer is not None:
            answer.set_result(response)

    def eof_received(self) -> None:
        # Not left to the loop: it would first flush what the peer no longer reads.
        self._lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(exc)

    def pause_writing(self) -> None:
        """Only `resume_writing` matters."""

    def resume_writing(self) -> None:
        if self._state == "send":
            self._sent()

    def _send_large(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        self._state = "send"
        self._unsent = -1
        self._progress_at = self._loop.time()
        # With 0 the loop says when the last byte has gone, so that headers_s starts there.
        transport.set_write_buffer_limits(high=0)
        transport.write(head)
        transport.write(body)
        if not transport.get_write_buffer_size():
            self._sent()
        else:
            self._timer.set(self._due(None if self._headers_s is None else self._headers_s / _SEND_LOOKS))

    def _sent(self) -> None:
        self._state = "headers"
        cast(asyncio.Transport, self._transport).set_write_buffer_limits()
        self._timer.set(self._due(self._headers_s))

    def _due(self, wait_s: float | None) -> float:
        if wait_s is None:
            return self._deadline
        due = self._loop.time() + wait_s
        return due if due < self._deadline else self._deadline

    def _more_to_come(self, response: FedResponse) -> None:
        if response.arrived():
            if not self._paused and self._transport is not None:
                self._paused = True
                self._timer.set(self._deadline)
                self._transport.pause_reading()
        elif self._state == "body":
            self._timer.set(self._due(self._between_s))

    def _finish(self, parser: ResponseParser, response: FedResponse) -> None:
        self._exchange = None
        response.end()
        transport = self._transport
        if transport is not None and parser.reusable and not transport.get_write_buffer_size() and not transport.is_closing():
            self._state = "idle"
            self._owner.release(self)
        else:
            self.abort()

    def _fail(self, error: TransportError) -> None:
        answer, self._answer = self._answer, None
        response = self._parser.response
        self.abort()
        if response is not None:
            response.end(error)
        if answer is None or answer.done():
            return
        if response is None:
            answer.set_exception(error)
        else:
            # The head was whole; that its body failed in the same packet must make no difference.
            answer.set_result(response)

    def _lost(self, exc: Exception | None) -> None:
        if self._exchange is None:
            self.abort()
            return
        response = self._parser.response
        if response is None:
            self._fail(self._failure(f"the connection ended before the answer's head{_why(exc)}"))
        elif response.framed or exc is not None:
            self._fail(self._failure(f"the connection ended before the end of the body{_why(exc)}"))
        else:
            self.abort()
            response.end()

    def _fired(self, now: float) -> None:
        if self._exchange is None:
            self.abort()
        elif now + 0.001 >= self._deadline:
            self._fail(self._failure("the deadline passed", timeout=True))
        elif self._state != "send":
            waited_s = self._between_s if self._state == "body" else self._headers_s
            self._fail(self._failure(f"nothing arrived for {waited_s} s", timeout=True))
        else:
            self._look_at_send(now, self._headers_s or 0.0)

    def _look_at_send(self, now: float, patience_s: float) -> None:
        unsent = cast(asyncio.Transport, self._transport).get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._progress_at = now
        if now - self._progress_at >= patience_s:
            self._fail(self._failure(f"the peer took nothing of the request for {patience_s} s", timeout=True))
        else:
            self._timer.set(self._due(patience_s / _SEND_LOOKS))

    def _failure(self, message: str, *, timeout: bool = False) -> TransportError:
        return TransportError(message, phase=cast(Phase, self._state), sent=True, timeout=timeout)


def _why(exc: Exception | None) -> str:
    return "" if exc is None else f": {exc}"
