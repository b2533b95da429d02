"""Contract A, at the transport: whoever gives up an exchange, in whatever phase, leaves no socket behind for a second."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.contract.transport.client import Client, Open
from tests.support.hostile_server import OK, Behaviour, HostileServer, Peer, answer, answer_and_stall, black_hole, ignore

BEGUN = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"


async def never_reads(peer: Peer) -> None:
    """Takes the head and leaves the body in the kernel, until the client closes (seen by the write that fails)."""
    await peer.head()
    while True:
        await asyncio.sleep(0.02)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")


async def read_all(client: Client, url: str) -> None:
    await client.fetch(url)


async def iterate(client: Client, url: str) -> None:
    async for _ in await client.send(url):
        pass


async def next_chunks(client: Client, url: str) -> None:
    response = await client.send(url)
    while await response.next_chunk():
        pass


Use = Callable[[Client, str], Coroutine[Any, Any, None]]


async def _given_up(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("use", [read_all, iterate, next_chunks])
@pytest.mark.parametrize("behaviour", [ignore, answer_and_stall(b"HTTP/1.1 2"), answer_and_stall(BEGUN)], ids=["request", "head", "body"])
async def test_cancel_closes_the_socket(opened: Open, behaviour: Behaviour, use: Use) -> None:
    """Cancelling while waiting for the head or the body closes the server's socket within 1 s."""
    async with HostileServer(behaviour) as server, opened() as client:
        task = asyncio.create_task(use(client, server.url))
        await server.until(lambda: server.open == 1 and (behaviour is ignore or server.peers[0].sent > 0))
        await asyncio.sleep(0.05)
        await _given_up(task)
        assert await server.until(lambda: server.open == 0) < 1


async def test_cancel_while_sending(opened: Open) -> None:
    """Cancelling while a large request is stuck closes the socket within 1 s."""
    async with HostileServer(never_reads) as server, opened() as client:
        task = asyncio.create_task(client.fetch(server.url, body=bytes(32 * 2**20)))
        await server.until(lambda: server.open == 1 and server.peers[0].sent > 0)
        await _given_up(task)
        assert await server.until(lambda: server.open == 0) < 1


async def test_cancel_while_connecting(opened: Open) -> None:
    """Cancelling while the connection is being opened leaves none."""
    async with black_hole() as port, opened() as client:
        task = asyncio.create_task(read_all(client, f"http://127.0.0.1:{port}/"))
        await asyncio.sleep(0.05)
        assert client.transport.stats().in_use == 1
        await _given_up(task)


@pytest.mark.parametrize("reply", [BEGUN, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nopen end"])
async def test_close_before_the_end_closes_the_socket(opened: Open, reply: bytes) -> None:
    """`close` in the middle of a body closes the socket within 1 s; twice is as good as once."""
    async with HostileServer(answer_and_stall(reply)) as server, opened() as client:
        response = await client.send(server.url)
        response.close()
        response.close()
        assert await server.until(lambda: server.open == 0) < 1
        assert not response.finished


async def test_reading_after_close_is_an_error(opened: Open) -> None:
    """A closed answer never looks like one that ended."""
    async with HostileServer(answer_and_stall(BEGUN)) as server, opened() as client:
        response = await client.send(server.url)
        response.close()
        with pytest.raises(Exception, match="closed before its end"):
            await response.read()


async def test_close_after_the_end_keeps_the_connection(opened: Open) -> None:
    """`close` after the whole body is no loss."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        response = await client.send(server.url)
        assert await response.read() == b"hello"
        response.close()
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 1


async def test_cancelling_a_late_waiter_spares_the_next_exchange(opened: Open) -> None:
    """Cancelling a task whose answer has just come in does not touch whoever uses the connection next."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        for _ in range(20):
            first = asyncio.create_task(read_all(client, server.url))
            asked = len(server.requests)
            await server.until(lambda asked=asked: len(server.requests) > asked)  # type: ignore[misc]
            first.cancel()
            results = await asyncio.gather(first, client.fetch(server.url), return_exceptions=True)
            assert results[1] == (200, b"hello")


@pytest.mark.only("http1", "httpx reads no further than it is asked to")
async def test_error_status_can_be_dropped_unread(opened: Open) -> None:
    """An answer of which only the status matters may be closed at once; if it was in whole, the connection stays."""
    async with HostileServer(answer(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno")) as server, opened() as client:
        response = await client.send(server.url)
        assert response.finished
        response.close()
        assert client.transport.stats().idle == 1
