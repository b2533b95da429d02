"""The Transport protocol: one request to an upstream and its answer as bytes.

A transport never retries and never follows redirects. Every failure is a TransportError that says in which phase it happened,
so that `pipeline.attempts` can tell a try that reached the wire from one that did not.
"""

from collections.abc import AsyncIterator, Callable
from typing import Literal, Protocol

import msgspec

Header = tuple[bytes, bytes]
Phase = Literal["connect", "tls", "send", "headers", "body"]


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None: unbounded. `deadline` is a loop time (`loop.time()`) that bounds the whole exchange."""

    connect_s: float | None = 5.0
    headers_s: float | None = None
    """From the request's last byte to the end of the answer's head; also the longest a request being sent may make no progress."""
    between_bytes_s: float | None = None
    """Between two reads of the body, not counting the time the reader holds them back."""
    deadline: float | None = None


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: str
    """Absolute http(s) URL with its query."""
    headers: tuple[Header, ...]
    """Without Host, Content-Length, Transfer-Encoding and Connection: the transport writes those."""
    body: bytes = b""
    timeouts: Timeouts = Timeouts()
    max_response_bytes: int = 64 * 1024 * 1024
    """Cap of `read()` after decompression; streams are not capped."""


class TransportError(Exception):
    """The exchange failed. `sent`: at least one byte of the request was written (so the try counts and may have been billed)."""

    def __init__(self, message: str, *, phase: Phase, sent: bool, timeout: bool = False) -> None:
        super().__init__(message)
        self.phase: Phase = phase
        self.sent = sent
        self.timeout = timeout


class ResponseTooLarge(TransportError):
    """The answer is over `max_response_bytes`, or its headers are over the transport's cap."""


class UpstreamResponse(Protocol):
    """Headers have arrived. Use exactly one of `read`, iteration; `close` is safe at any time and more than once."""

    status: int
    headers: list[Header]
    """Lower-case names, as received (content-encoding and content-length removed where the body was decompressed)."""
    framed: bool
    """False: neither content-length nor chunks, so the body ends, cleanly for all the transport can tell, where the connection does.
    Whether it was whole is for the terminal evidence to say (contract B)."""

    def header(self, name: bytes) -> bytes | None:
        """First value of a lower-case name."""
        ...

    @property
    def finished(self) -> bool:
        """The body is in whole: nothing is waited for any more, and `close` would give the connection back."""
        ...

    def whole(self) -> bytes | None:
        """What `read` would give, if it need not wait; None: read. Saves a coroutine where head and body came together."""
        ...

    async def read(self) -> bytes:
        """The whole body, decompressed. Raises TransportError(phase="body") when it ends early."""
        ...

    async def next_chunk(self) -> bytes:
        """What has arrived since the last call, decompressed; b"" only at a clean end of body, else TransportError.
        Cheaper than iterating. Bytes that arrived before a failure are handed out before it is raised."""
        ...

    async def relay(self, sink: Callable[[bytes], bool]) -> None:
        """Hand each piece to `sink` the moment it arrives, inside the socket's own event, with no task woken for it. Returns when `sink`
        returned False (it has taken the piece), when `stop_relay` was called, or when nothing more will come; `next_chunk` goes on from
        there and tells a failure. May return at once. `sink` must not raise."""
        ...

    def stop_relay(self) -> None: ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Decompressed pieces as they arrive, none empty; ends only at a clean end of body, else TransportError."""
        ...

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close the socket at once (synchronous)."""
        ...


class TransportStats(msgspec.Struct, frozen=True, kw_only=True):
    """Connections now; `open` = `idle` + `in_use`, those being opened are in use."""

    open: int
    idle: int
    in_use: int


class Transport(Protocol):
    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Returns once the final (non-1xx) status and headers are in. Cancelling closes the socket.
        ValueError, before anything is written: the URL or a header cannot be sent safely."""
        ...

    def stats(self) -> TransportStats: ...

    async def aclose(self) -> None:
        """Close idle connections; those in use are closed when their answers are."""
        ...
