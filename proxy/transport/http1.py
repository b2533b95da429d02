"""HTTP/1.1 by hand: asyncio Protocols and llhttp, pooled keep-alive. The gateway's usual way to a provider."""

import asyncio
import ssl
from time import monotonic

from proxy.transport.base import Transport, TransportError, TransportStats, UpstreamRequest, UpstreamResponse
from proxy.transport.coding import decoders
from proxy.transport.dial import Admit, Dialer
from proxy.transport.pool import Pool
from proxy.transport.wire import RequestWriter

KEEPALIVE_S = 55.0
"""Under the 60 s after which common load balancers drop an idle connection. A server's own `Keep-Alive: timeout=` shortens it."""
MAX_CONNECTIONS = 1000
"""To one origin."""


class Http1Transport:
    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_s: float = KEEPALIVE_S,
        admit: Admit | None = None,
    ) -> None:
        """`admit`: as the Dialer's."""
        self._writer = RequestWriter()
        self._pool = Pool(Dialer(tls, admit), decoders(), max_connections=max_connections, keepalive_s=keepalive_s)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        target = self._writer.target(request.url)
        head = self._writer.head(request, target)
        timeouts = request.timeouts
        now = monotonic()
        if timeouts.deadline is not None and timeouts.deadline <= now:
            raise TransportError("the deadline passed before the request", phase="connect", sent=False, timeout=True)
        connection = self._pool.take(target.origin, now) or await self._pool.acquire(target.origin, timeouts)
        answer = connection.begin(head, request)
        try:
            return await answer
        except asyncio.CancelledError:
            connection.cancel(answer)
            raise

    def stats(self) -> TransportStats:
        return self._pool.stats()

    async def aclose(self) -> None:
        self._pool.close()


_: type[Transport] = Http1Transport
