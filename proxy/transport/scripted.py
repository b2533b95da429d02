"""Answers from a script, in process: for tests and the demo. No socket, no clock but the sleep it is given."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import msgspec

from proxy.transport.base import (
    Header,
    Phase,
    ResponseTooLarge,
    Transport,
    TransportError,
    TransportStats,
    UpstreamRequest,
    UpstreamResponse,
)

Sleep = Callable[[float], Awaitable[object]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: int = 200
    headers: tuple[Header, ...] = ((b"content-type", b"application/json"),)
    chunks: tuple[bytes, ...] = ()
    head_delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    """Before each chunk."""
    fail: Phase | None = None
    """Fail there: `body` after the chunks, anything else in place of the head."""
    timeout: bool = False
    """The failure is a time-out."""
    framed: bool = True

    def failure(self, phase: Phase) -> TransportError:
        return TransportError(f"scripted failure: {phase}", phase=phase, sent=phase not in ("connect", "tls"), timeout=self.timeout)


class ScriptedTransport:
    """`script`: the replies in order, or a function from request to reply. `requests` keeps what was sent."""

    def __init__(self, script: Iterable[Reply] | Callable[[UpstreamRequest], Reply], *, sleep: Sleep = asyncio.sleep) -> None:
        self.requests: list[UpstreamRequest] = []
        self._sleep = sleep
        if callable(script):
            self._answer = script
        else:
            replies = iter(script)
            self._answer = lambda request: _next(replies, request)
        self._in_use = 0

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.requests.append(request)
        reply = self._answer(request)
        self._in_use += 1
        headed = False
        try:
            if reply.head_delay_s:
                await self._sleep(reply.head_delay_s)
            if reply.fail is not None and reply.fail != "body":
                raise reply.failure(reply.fail)
            headed = True
        finally:
            if not headed:
                self._in_use -= 1
        return ScriptedResponse(reply, request.max_response_bytes, self._sleep, self._done)

    def stats(self) -> TransportStats:
        """Exchanges stand for connections."""
        return TransportStats(open=self._in_use, idle=0, in_use=self._in_use)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def _done(self) -> None:
        self._in_use -= 1


class ScriptedResponse:
    def __init__(self, reply: Reply, limit: int, sleep: Sleep, done: Callable[[], None]) -> None:
        self.status = reply.status
        self.headers: list[Header] = [(name.lower(), value) for name, value in reply.headers]
        self.framed = reply.framed
        self._reply = reply
        self._limit = limit
        self._sleep = sleep
        self._done: Callable[[], None] | None = done
        self._chunks = iter(reply.chunks)
        self._ended = False

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def finished(self) -> bool:
        return self._ended

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        body = bytearray()
        while chunk := await self.next_chunk():
            body += chunk
            if len(body) > self._limit:
                self.close()
                raise ResponseTooLarge(f"the body is over {self._limit} bytes", phase="body", sent=True)
        return bytes(body)

    async def next_chunk(self) -> bytes:
        if self._ended:
            return b""
        if self._done is None:
            raise TransportError("the answer was closed before its end", phase="body", sent=True)
        chunk = next(self._chunks, b"")
        if not chunk:
            self.close()
            if self._reply.fail == "body":
                raise self._reply.failure("body")
            self._ended = True
        elif self._reply.chunk_delay_s:
            await self._delay(self._reply.chunk_delay_s)
        return chunk

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Not from here."""

    def stop_relay(self) -> None:
        """Nothing to stop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.next_chunk():
            yield chunk

    def close(self) -> None:
        if self._done is not None:
            self._done()
            self._done = None

    async def _delay(self, delay_s: float) -> None:
        try:
            await self._sleep(delay_s)
        except asyncio.CancelledError:
            self.close()
            raise


def _next(replies: Iterable[Reply], request: UpstreamRequest) -> Reply:
    for reply in replies:
        return reply
    raise AssertionError(f"the script has no reply for {request.method} {request.url}")


_: type[Transport] = ScriptedTransport
