"""A connection against a peer that the test moves by hand, without a turn of the loop in between."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.transport.base import Timeouts, TransportError, UpstreamRequest
from proxy.transport.coding import decoders
from proxy.transport.connection import Connection
from proxy.transport.wire import Origin

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Owner:
    def __init__(self) -> None:
        self.released = 0
        self.discarded = 0

    def release(self, connection: Connection) -> None:
        self.released += 1
        connection.park(60)

    def discard(self, connection: Connection) -> None:
        self.discarded += 1


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, socket.socket, Owner]]:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    owner = Owner()
    origin = Origin("http", "peer.test", 80)
    _, connection = await loop.create_connection(lambda: Connection(loop, origin, owner, decoders()), sock=ours)
    try:
        assert connection.adopt()
        yield connection, theirs, owner
    finally:
        connection.abort()
        theirs.close()
        await asyncio.sleep(0)


def _request(**timeouts: float) -> UpstreamRequest:
    return UpstreamRequest(method="POST", url="http://peer.test/", headers=(), timeouts=Timeouts(**timeouts))


async def test_end_that_the_loop_has_not_read() -> None:
    """A connection that has been idle is found closed before anything is written, even if the loop had no turn since."""
    async with connected() as (connection, theirs, _):
        later = asyncio.get_running_loop().time() + 1
        assert connection.usable(later)
        theirs.shutdown(socket.SHUT_WR)
        assert not connection.usable(later)


async def test_bytes_nobody_asked_for() -> None:
    """So is one on which the peer sent something."""
    async with connected() as (connection, theirs, owner):
        theirs.send(b"x")
        assert not connection.usable(asyncio.get_running_loop().time() + 1)
        await asyncio.sleep(0.05)
        assert owner.discarded == 1


async def test_joined_write() -> None:
    """Head and small body leave in one piece."""
    async with connected() as (connection, theirs, _):
        request = UpstreamRequest(method="POST", url="http://peer.test/", headers=(), body=b"body")
        answer = connection.begin(b"head\r\n\r\n", request)
        await asyncio.sleep(0)
        assert theirs.recv(100) == b"head\r\n\r\nbody"
        theirs.send(OK)
        assert await (await answer).read() == b"ok"


async def test_late_cancel_is_not_for_the_next_exchange() -> None:
    """Cancelling an exchange that is over does nothing to the one after it."""
    async with connected() as (connection, theirs, owner):
        first = connection.begin(b"one", _request())
        theirs.send(OK)
        await first
        second = connection.begin(b"two", _request())
        connection.cancel(first)
        theirs.send(OK)
        assert await (await second).read() == b"ok"
        assert (owner.released, owner.discarded) == (2, 0)


async def test_answer_nobody_waits_for() -> None:
    """An answer that comes in between a cancellation and its handling closes the connection."""
    async with connected() as (connection, theirs, owner):
        answer = connection.begin(b"one", _request())
        answer.cancel()
        theirs.send(OK)
        await asyncio.sleep(0.05)
        assert (owner.released, owner.discarded) == (0, 1)


async def test_failure_nobody_waits_for() -> None:
    """So does a failure; nothing is left to be retrieved."""
    async with connected() as (connection, theirs, owner):
        answer = connection.begin(b"one", _request())
        answer.cancel()
        theirs.close()
        await asyncio.sleep(0.05)
        assert owner.discarded == 1


async def test_failed_body_behind_its_head() -> None:
    """A head and a broken body in one packet still give the head; the body fails when it is read."""
    async with connected() as (connection, theirs, _):
        answer = connection.begin(b"one", _request())
        theirs.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\nno size\r\n")
        response = await answer
        assert await response.next_chunk() == b"x"
        with pytest.raises(TransportError):
            await response.next_chunk()


async def test_closed_before_it_was_adopted() -> None:
    """A connection that ends while it is opened is never its owner's."""
    loop = asyncio.get_running_loop()
    owner = Owner()
    connection = Connection(loop, Origin("http", "peer.test", 80), owner, decoders())
    assert not connection.usable(loop.time())
    connection.connection_lost(None)
    assert not connection.adopt()
    assert owner.discarded == 0


async def test_idle_time_out() -> None:
    """A parked connection closes itself when its time is over."""
    async with connected() as (connection, theirs, owner):
        connection.park(0.05)
        await asyncio.sleep(0.1)
        assert (theirs.recv(1), owner.discarded) == (b"", 1)
