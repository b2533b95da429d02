"""The pool's bookkeeping; its behaviour towards servers is in tests/contract/transport/test_contract_c_connections.py."""

import asyncio
import contextlib

import pytest

from proxy.transport.base import Timeouts, TransportError
from proxy.transport.coding import decoders
from proxy.transport.dial import Dialer
from proxy.transport.pool import Pool
from proxy.transport.wire import Origin
from tests.support.hostile_server import HostileServer, close_on_accept, ignore, refused_port


def _pool(limit: int = 1) -> Pool:
    return Pool(Dialer(), decoders(), max_connections=limit, keepalive_s=60)


async def test_counts() -> None:
    """open = idle + in_use through a connection's life."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        now = asyncio.get_running_loop().time()
        assert pool.take(origin, now) is None
        connection = await pool.acquire(origin, Timeouts())
        assert (pool.stats().open, pool.stats().idle, pool.stats().in_use) == (1, 0, 1)
        pool.release(connection)
        assert (pool.stats().open, pool.stats().idle, pool.stats().in_use) == (1, 1, 0)
        assert pool.take(origin, now) is connection
        connection.abort()
        connection.abort()
        assert pool.stats().open == 0


async def test_failed_connect_frees_its_place() -> None:
    """A connection that could not be opened does not count."""
    pool = _pool()
    with refused_port() as refused:
        for _ in range(3):
            with pytest.raises(TransportError):
                await pool.acquire(Origin("http", "127.0.0.1", refused), Timeouts())
    assert pool.stats().open == 0


async def test_waiter_is_handed_the_connection() -> None:
    """Who waits gets a released connection before anybody who comes later."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        waiting = asyncio.create_task(pool.acquire(origin, Timeouts()))
        await asyncio.sleep(0)
        pool.release(connection)
        assert pool.take(origin, 0) is None
        assert await waiting is connection
        connection.abort()


async def test_connection_that_dies_on_its_way_to_a_waiter() -> None:
    """A waiter whose connection closes before it wakes opens another."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        waiting = asyncio.create_task(pool.acquire(origin, Timeouts()))
        await asyncio.sleep(0)
        pool.release(connection)
        connection.abort()
        other = await waiting
        assert other is not connection
        other.abort()
        assert pool.stats().open == 0


@pytest.mark.parametrize("alive", [True, False])
async def test_waiter_cancelled_as_its_turn_came(alive: bool) -> None:
    """What it was given goes back, or its place does."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        waiting = asyncio.create_task(pool.acquire(origin, Timeouts()))
        await asyncio.sleep(0)
        pool.release(connection)
        if not alive:
            connection.abort()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert pool.stats().open == pool.stats().idle == int(alive)
        pool.close()
        assert pool.stats().open == 0


async def test_place_given_to_a_cancelled_waiter() -> None:
    """A waiter that was told to open a connection and gave up frees the place for the next."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        waiting = [asyncio.create_task(pool.acquire(origin, Timeouts())) for _ in range(2)]
        await asyncio.sleep(0)
        connection.abort()
        waiting[0].cancel()
        other = await waiting[1]
        other.abort()
        assert pool.stats().open == 0


async def test_closed_pool() -> None:
    """Nothing is opened, and what comes back is closed."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        pool.close()
        assert pool.stats().open == 1
        pool.release(connection)
        assert pool.stats().open == 0
        with pytest.raises(TransportError, match="closed"):
            await pool.acquire(origin, Timeouts())


async def test_stale_connection_is_dropped_by_take() -> None:
    """`take` gives none that the peer closed."""
    pool = _pool()
    async with HostileServer(ignore) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, Timeouts())
        pool.release(connection)
    assert pool.take(origin, asyncio.get_running_loop().time() + 1) is None
    assert pool.stats().open == 0


async def test_peer_that_closes_on_accept() -> None:
    """A connection found closed on arrival, or later, never stays counted."""
    pool = _pool()
    async with HostileServer(close_on_accept) as server:
        with contextlib.suppress(TransportError):
            await pool.acquire(Origin("http", "127.0.0.1", server.port), Timeouts())
        await server.until(lambda: pool.stats().open == 0)
