"""Contract C, at the transport: one exchange is one try. What was sent is said, nothing is repeated, a stale connection costs nothing."""

import asyncio

import pytest

from tests.contract.transport.client import Open
from tests.support.hostile_server import OK, HostileServer, Peer, answer, answer_and_close, answer_and_stall, answer_each

CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def _with(header: bytes) -> bytes:
    return OK.replace(b"\r\n\r\n", b"\r\n%b\r\n\r\n" % header)


async def test_connection_is_used_again(opened: Open) -> None:
    """Exchanges one after the other share a connection."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        for _ in range(5):
            assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 1
        stats = client.transport.stats()
        assert (stats.open, stats.idle, stats.in_use) == (1, 1, 0)


async def test_exchanges_at_once_use_a_connection_each(opened: Open) -> None:
    """Concurrent exchanges never share an HTTP/1.1 connection, and each gets its own answer."""

    async def echo(peer: Peer) -> None:
        while True:
            received = await peer.request()
            await asyncio.sleep(0.01)
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(received.body), received.body))

    async with HostileServer(echo) as server, opened() as client:
        bodies = [b"%d" % number for number in range(20)]
        answers = await asyncio.gather(*(client.fetch(server.url, body=body) for body in bodies))
        assert answers == [(200, body) for body in bodies]
        assert server.accepted == 20
        assert client.transport.stats().idle == 20


async def test_connection_limit_queues(opened: Open) -> None:
    """Past max_connections exchanges wait their turn."""
    async with HostileServer(answer(OK)) as server, opened(max_connections=2) as client:
        answers = await asyncio.gather(*(client.fetch(server.url) for _ in range(20)))
        assert answers == [(200, b"hello")] * 20
        assert server.accepted == 2


async def test_waiter_gets_the_place_of_a_failed_connection(opened: Open) -> None:
    """A connection that breaks frees its place for whoever waits."""
    async with HostileServer(answer_and_close(), answer(OK)) as server, opened(max_connections=1) as client:
        first, second = await asyncio.gather(client.fetch(server.url), client.fetch(server.url), return_exceptions=True)
        assert isinstance(first, Exception)
        assert second == (200, b"hello")


async def test_cancelled_waiter_loses_nothing(opened: Open) -> None:
    """A waiter that gives up, before or just as its turn comes, does not take the place with it."""
    async with HostileServer(answer_and_stall(CHUNKS), answer(OK)) as server, opened(max_connections=1) as client:
        for turn in range(3):
            busy = await client.send(server.url)
            waiting = asyncio.create_task(client.fetch(server.url))
            await asyncio.sleep(0.02)
            if turn:
                busy.close()
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            busy.close()
        assert await client.fetch(server.url) == (200, b"hello")


async def test_stale_connection_is_replaced(opened: Open) -> None:
    """A pooled connection that the server closed meanwhile is replaced without a word; the request is sent once."""
    async with HostileServer(answer_and_close(OK), answer(OK)) as server, opened() as client:
        assert await client.fetch(server.url) == (200, b"hello")
        await server.closed()
        assert await client.fetch(server.url) == (200, b"hello")
        assert (server.accepted, len(server.requests)) == (2, 2)


async def test_many_stale_connections_are_replaced(opened: Open) -> None:
    """The same when every pooled connection is stale."""
    gone = answer_and_close(OK)
    async with HostileServer(gone, gone, gone, gone, answer(OK)) as server, opened() as client:
        await asyncio.gather(*(client.fetch(server.url) for _ in range(4)))
        await server.closed()
        assert await client.fetch(server.url) == (200, b"hello")
        assert (server.accepted, len(server.requests)) == (5, 5)


async def test_failure_on_a_used_connection_is_a_try(opened: Open) -> None:
    """A kept connection that dies after it took the request is an error, sent; nothing repeats the request."""

    async def second_fails(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        peer.reset()

    async with HostileServer(second_fails) as server, opened() as client:
        await client.fetch(server.url)
        error = await client.failure(server.url)
        assert (error.phase, error.sent) == ("headers", True)
        assert (server.accepted, len(server.requests)) == (1, 2)


@pytest.mark.parametrize("status", [301, 307, 401, 429, 503])
async def test_nothing_is_followed_or_retried(opened: Open, status: int) -> None:
    """Redirects, challenges and overload come back as they are."""
    reply = b"HTTP/1.1 %d X\r\nlocation: /elsewhere\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n" % status
    async with HostileServer(answer(reply)) as server, opened() as client:
        assert await client.fetch(server.url) == (status, b"")
        assert len(server.requests) == 1


async def test_cookies_are_not_kept(opened: Open) -> None:
    """What one answer sets does not travel with the next request."""
    async with HostileServer(answer(_with(b"set-cookie: a=b; path=/"))) as server, opened() as client:
        await client.fetch(server.url)
        await client.fetch(server.url)
        assert [received.header(b"cookie") for received in server.requests] == [None, None]


@pytest.mark.parametrize(
    "reply",
    [
        _with(b"connection: close"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        OK + b"\x00garbage",
    ],
    ids=["connection: close", "HTTP/1.0", "a second answer", "garbage"],
)
async def test_connection_that_must_not_be_used_again(opened: Open, reply: bytes) -> None:
    """After such an answer the next request opens a connection of its own."""
    async with HostileServer(answer_each([reply]), answer(OK)) as server, opened() as client:
        assert await client.fetch(server.url) == (200, b"hello")
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 2


async def test_http_1_0_can_be_kept_alive(opened: Open) -> None:
    """HTTP/1.0 with an explicit keep-alive is used again by http1, and harms nobody in httpx."""
    reply = _with(b"connection: keep-alive").replace(b"1.1", b"1.0")
    async with HostileServer(answer(reply)) as server, opened() as client:
        assert await client.fetch(server.url) == (200, b"hello")
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == (1 if client.kind == "http1" else 2)


async def test_bytes_on_an_idle_connection(opened: Open) -> None:
    """An answer nobody asked for, sent while the connection idles, is never taken for the next one."""
    say = asyncio.Event()

    async def eager(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await say.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await peer.gone()

    async with HostileServer(eager, answer(OK)) as server, opened() as client:
        await client.fetch(server.url)
        say.set()
        await server.until(lambda: server.peers[0].sent > len(OK))
        await asyncio.sleep(0.05)
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 2


async def test_unread_answer_is_not_followed_by_another(opened: Open) -> None:
    """An answer closed half-read takes its connection with it."""
    async with HostileServer(answer(OK.replace(b"5\r\n", b"5000\r\n") + bytes(2000)), answer(OK)) as server, opened() as client:
        response = await client.send(server.url)
        response.close()
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 2


async def test_idle_connection_expires(opened: Open) -> None:
    """After keepalive_s idle a connection is not used again; http1 closes it by itself."""
    async with HostileServer(answer(OK)) as server, opened(keepalive_s=0.1) as client:
        await client.fetch(server.url)
        if client.kind == "http1":
            assert await server.until(lambda: server.open == 0) >= 0.09
        await asyncio.sleep(0.15)
        await client.fetch(server.url)
        assert server.accepted == 2


@pytest.mark.only("http1", "httpcore does not read Keep-Alive")
async def test_the_servers_own_limit_is_respected(opened: Open) -> None:
    """`Keep-Alive: timeout=` closes the connection a second before the server would."""
    async with HostileServer(answer(_with(b"keep-alive: timeout=1, max=100"))) as server, opened() as client:
        await client.fetch(server.url)
        assert await server.until(lambda: server.open == 0) < 1


@pytest.mark.only("http1", "httpcore takes the connection that has been idle longest")
async def test_last_used_connection_first(opened: Open) -> None:
    """The connection used last is taken first, so that the surplus ages."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        await asyncio.gather(*(client.fetch(server.url) for _ in range(3)))
        before = [peer.sent for peer in server.peers]
        for _ in range(4):
            await client.fetch(server.url)
        assert sorted(peer.sent - had for peer, had in zip(server.peers, before, strict=True)) == [0, 0, 4 * len(OK)]


async def test_closing_spares_what_is_in_use(opened: Open) -> None:
    """aclose ends idle connections at once and the others with their answers; afterwards nothing is sent."""
    go_on = asyncio.Event()

    async def late(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKS)
        await go_on.wait()
        await peer.send(b"4\r\nlate\r\n0\r\n\r\n")
        await peer.gone()

    async with HostileServer(late, answer(OK)) as server, opened() as client:
        response = await client.send(server.url)
        await client.fetch(server.url)
        await client.transport.aclose()
        await server.until(lambda: server.open == 1)
        go_on.set()
        assert await response.read() == b"late"
        await server.until(lambda: server.open == 0)
        error = await client.failure(server.url)
        assert (error.phase, error.sent, server.accepted) == ("connect", False, 2)
