"""Keep-alive connections by origin, the last used first, so that the surplus of a burst ages and closes."""

import asyncio
from collections import deque
from functools import partial

from proxy.transport.base import Timeouts, TransportError, TransportStats
from proxy.transport.coding import DecoderTable
from proxy.transport.connection import Connection
from proxy.transport.dial import Dialer
from proxy.transport.wire import Origin


class _Bucket:
    __slots__ = ("idle", "open", "waiting")

    def __init__(self) -> None:
        self.open = 0
        """Connections, with those being opened."""
        self.idle: list[Connection] = []
        self.waiting: deque[asyncio.Future[Connection | None]] = deque()
        """Each gets a connection, or None: leave to open one, already counted in `open`."""


class Pool:
    def __init__(self, dialer: Dialer, decoders: DecoderTable, *, max_connections: int, keepalive_s: float) -> None:
        self._dialer = dialer
        self._decoders = decoders
        self._max_connections = max_connections
        self._keepalive_s = keepalive_s
        self._buckets: dict[Origin, _Bucket] = {}
        self._closed = False

    def take(self, origin: Origin, now: float) -> Connection | None:
        """An idle connection that is still good; those found closed are dropped, which counts as no try."""
        bucket = self._buckets.get(origin)
        if bucket is not None:
            while bucket.idle:
                connection = bucket.idle.pop()
                if connection.usable(now):
                    return connection
                connection.abort()
        return None

    async def acquire(self, origin: Origin, timeouts: Timeouts) -> Connection:
        """A new connection, or the first that comes free where the origin has its maximum, within connect_s and the deadline."""
        if self._closed:
            raise TransportError("the transport is closed", phase="connect", sent=False)
        loop = asyncio.get_running_loop()
        due = _earlier(None if timeouts.connect_s is None else loop.time() + timeouts.connect_s, timeouts.deadline)
        while (bucket := self._buckets.setdefault(origin, _Bucket())).open >= self._max_connections:
            connection = await self._wait(bucket, origin, due)
            if connection is None:
                return await self._open(loop, bucket, origin, due)
            if connection.usable(loop.time()):
                return connection
            connection.abort()
        bucket.open += 1
        return await self._open(loop, bucket, origin, due)

    def release(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
            return
        bucket = self._buckets[connection.origin]
        connection.park(self._keepalive_s)
        if bucket.waiting and (waiter := _next(bucket)) is not None:
            waiter.set_result(connection)
        else:
            bucket.idle.append(connection)

    def discard(self, connection: Connection) -> None:
        bucket = self._buckets[connection.origin]
        if connection in bucket.idle:
            bucket.idle.remove(connection)
        self._freed(bucket, connection.origin)

    def close(self) -> None:
        """Idle ones now, the others when their answers end."""
        self._closed = True
        for bucket in list(self._buckets.values()):
            for connection in bucket.idle.copy():
                connection.abort()

    def stats(self) -> TransportStats:
        total = sum(bucket.open for bucket in self._buckets.values())
        idle = sum(len(bucket.idle) for bucket in self._buckets.values())
        return TransportStats(open=total, idle=idle, in_use=total - idle)

    async def _open(self, loop: asyncio.AbstractEventLoop, bucket: _Bucket, origin: Origin, due: float | None) -> Connection:
        adopted = False
        try:
            connection = await self._dialer.open(origin, partial(Connection, loop, origin, self, self._decoders), due)
            adopted = connection.adopt()
            if not adopted:
                raise TransportError(f"{origin.host}:{origin.port} closed the connection at once", phase="connect", sent=False)
            return connection
        finally:
            if not adopted:
                self._freed(bucket, origin)

    async def _wait(self, bucket: _Bucket, origin: Origin, due: float | None) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        bucket.waiting.append(waiter)
        try:
            async with asyncio.timeout_at(due):
                return await waiter
        except TimeoutError as exc:
            self._give_back(waiter, bucket, origin)
            message = f"all {self._max_connections} connections to {origin.host}:{origin.port} stayed busy"
            raise TransportError(message, phase="connect", sent=False, timeout=True) from exc
        except asyncio.CancelledError:
            self._give_back(waiter, bucket, origin)
            raise

    def _give_back(self, waiter: asyncio.Future[Connection | None], bucket: _Bucket, origin: Origin) -> None:
        if waiter in bucket.waiting:
            bucket.waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled():
            connection = waiter.result()
            if connection is None:
                self._freed(bucket, origin)
            elif connection.usable(asyncio.get_running_loop().time()):
                self.release(connection)
            else:
                connection.abort()

    def _freed(self, bucket: _Bucket, origin: Origin) -> None:
        bucket.open -= 1
        if (waiter := _next(bucket)) is not None:
            bucket.open += 1
            waiter.set_result(None)
        elif not bucket.open:
            self._buckets.pop(origin, None)


def _next(bucket: _Bucket) -> asyncio.Future[Connection | None] | None:
    while bucket.waiting:
        waiter = bucket.waiting.popleft()
        if not waiter.done():
            return waiter
    return None


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
