"""What a client may do to a connection, and the state that all connections of one server share."""

import asyncio
from collections import Counter
from email.utils import formatdate
from typing import TYPE_CHECKING

import msgspec
from uvicorn.server import ServerState

from proxy.serving.header_names import HeaderNames
from proxy.serving.whole_request import WholeRequests

if TYPE_CHECKING:
    from proxy.serving.protocol import EdgeProtocol


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds are checked every `sweep_s`, so an ending may come that much late."""

    headers_s: float = 10.0
    """From the connection's start (or the first byte of a later request) to the end of the request's head."""
    body_stall_s: float = 30.0
    """Without a byte of a body that we are ready to read."""
    write_stall_s: float = 30.0
    """With an answer waiting and the client not taking any of it."""
    keep_alive_s: float = 75.0
    """Idle between requests."""
    linger_s: float = 5.0
    """After an answer that came before the end of the request's body: how long the rest is read and thrown away, so that the
    kernel's reset does not destroy the answer on its way."""
    head_bytes: int = 64 * 1024
    head_count: int = 100
    sweep_s: float = 0.5
    pipeline_depth: int = 8
    """Requests that wait on one connection before reading pauses."""


class EdgeState(ServerState):
    """uvicorn's shared state, with the clock of the sweep and the counters of the metrics."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        super().__init__()
        self.limits = limits or ConnectionLimits()
        self.now = 0.0
        """Loop time of the last sweep: what connections note instead of asking the clock for each request."""
        self.draining = False
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.open: set[EdgeProtocol] = set()
        """uvicorn's `connections`, typed."""
        self.names = HeaderNames()
        self.whole = WholeRequests()
        self.date_line = b""
        self._date_s = 0
        self._idle = asyncio.Event()

    def sweep(self, now: float, unix_s: float) -> None:
        """Every `sweep_s`: the Date header and the time-outs of all connections."""
        self.now = now
        if int(unix_s) != self._date_s:
            self._date_s = int(unix_s)
            self.date_line = b"date: %s\r\n" % formatdate(unix_s, usegmt=True).encode()
        for connection in tuple(self.open):
            connection.sweep(now)

    def ended(self) -> None:
        """A connection or request has ended while draining."""
        if not (self.open or self.tasks):
            self._idle.set()

    async def idle(self, timeout_s: float) -> bool:
        """While draining: whether all connections and requests ended within `timeout_s`."""
        self.ended()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
