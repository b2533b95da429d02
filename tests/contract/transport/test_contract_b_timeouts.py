"""Contract B, at the transport: each time-out fires within 10 % of its value, in its phase, and for nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from proxy.transport.base import Phase, Timeouts, TransportError
from tests.contract.transport.client import Client, Open
from tests.support.hostile_server import OK, Behaviour, HostileServer, Peer, answer, answer_and_stall, black_hole, ignore

VALUE_S = 0.5
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def stuck(peer: Peer) -> None:
    """Takes the head of a request and nothing more of it."""
    await peer.head()
    while True:
        await asyncio.sleep(0.05)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")


async def endless(peer: Peer) -> None:
    """A body without end, a chunk every 20 ms."""
    await peer.request()
    await peer.send(CHUNKS)
    while True:
        await peer.send(b"1\r\nx\r\n")
        await asyncio.sleep(0.02)


async def slow_taker(peer: Peer) -> None:
    """Takes 4 MiB every 250 ms, then answers after 300 ms."""
    head = await peer.head()
    left = int(head.header(b"content-length") or b"0")
    while left:
        await asyncio.sleep(0.25)
        left -= await peer.take(min(left, 4 * 2**20))
    await asyncio.sleep(0.3)
    await peer.send(OK)
    await peer.gone()


@asynccontextmanager
async def lateness() -> AsyncIterator[Callable[[], float]]:
    """How late the loop itself was at worst, in seconds: a busy machine is not the time-out's fault."""
    loop = asyncio.get_running_loop()
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            start = loop.time()
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - start - 0.01)

    task = asyncio.create_task(watch())
    try:
        yield lambda: worst
    finally:
        task.cancel()


async def fires(client: Client, url: str, timeouts: Timeouts, phase: Phase, *, body: bytes = b"x", after_s: float = 0) -> None:
    """`after_s`: how much later than the exchange the time-out's clock may start."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with lateness() as late:
        error = await client.failure(url, timeouts=timeouts, body=body)
        took_s = loop.time() - start
        assert (error.phase, error.timeout) == (phase, True)
        assert error.sent == (phase not in ("connect", "tls"))
        assert 0.9 * VALUE_S <= took_s <= 1.1 * VALUE_S + late() + 0.02 + after_s


def within(name: str) -> Timeouts:
    """Only this time-out, of VALUE_S from now."""
    if name == "deadline":
        return Timeouts(connect_s=None, deadline=asyncio.get_running_loop().time() + VALUE_S)
    return Timeouts(**{"connect_s": None, name: VALUE_S})


@pytest.mark.parametrize("name", ["connect_s", "deadline"])
async def test_connecting_stalls(opened: Open, name: str) -> None:
    """connect_s and the deadline bound connecting; nothing was sent."""
    async with black_hole() as port, opened() as client:
        await fires(client, f"http://127.0.0.1:{port}/", within(name), "connect")


@pytest.mark.parametrize("name", ["connect_s", "deadline"])
async def test_handshake_stalls(opened: Open, name: str) -> None:
    """connect_s and the deadline bound the TLS handshake, too."""
    async with HostileServer(ignore) as server, opened() as client:
        await fires(client, server.url.replace("http:", "https:"), within(name), "tls")


@pytest.mark.parametrize("name", ["headers_s", "deadline"])
async def test_sending_stalls(opened: Open, name: str) -> None:
    """A peer that stops taking the request is given headers_s from its last step; interim answers do not count."""
    async with HostileServer(stuck) as server, opened() as client:
        await fires(client, server.url, within(name), "send", body=bytes(32 * 2**20), after_s=0.5 if name == "headers_s" else 0)


@pytest.mark.parametrize("name", ["headers_s", "deadline"])
@pytest.mark.parametrize("behaviour", [ignore, answer_and_stall(b"HTTP/1.1 200 OK\r\nx: y")], ids=["no head", "half a head"])
async def test_head_stalls(opened: Open, name: str, behaviour: Behaviour) -> None:
    """headers_s and the deadline bound the wait for the head."""
    async with HostileServer(behaviour) as server, opened() as client:
        await fires(client, server.url, within(name), "headers")


@pytest.mark.parametrize("name", ["between_bytes_s", "deadline"])
@pytest.mark.parametrize("sent", [b"", b"3\r\none\r\n"], ids=["no byte", "one chunk"])
async def test_body_stalls(opened: Open, name: str, sent: bytes) -> None:
    """between_bytes_s and the deadline bound each wait for the body."""
    async with HostileServer(answer_and_stall(CHUNKS, sent)) as server, opened() as client:
        await fires(client, server.url, within(name), "body")


async def test_deadline_ends_a_lively_body(opened: Open) -> None:
    """Bytes that keep coming do not move the deadline."""
    async with HostileServer(endless) as server, opened() as client:
        await fires(client, server.url, within("deadline"), "body")


async def test_waiting_for_a_free_connection(opened: Open) -> None:
    """With all connections busy, connect_s bounds the wait for one; nothing was sent."""
    async with HostileServer(answer_and_stall(CHUNKS)) as server, opened(max_connections=1) as client:
        busy = await client.send(server.url)
        await fires(client, server.url, within("connect_s"), "connect")
        busy.close()


async def test_stream_read_by_pieces_stalls(opened: Open) -> None:
    """What came before the stall is handed out, then the time-out is raised; the socket is closed."""
    async with HostileServer(answer_and_stall(CHUNKS, b"3\r\none\r\n")) as server, opened() as client:
        response = await client.send(server.url, timeouts=Timeouts(between_bytes_s=0.1))
        assert await response.next_chunk() == b"one"
        with pytest.raises(TransportError) as caught:
            await response.next_chunk()
        assert (caught.value.timeout, caught.value.phase) == (True, "body")
        assert await server.until(lambda: server.open == 0) < 1


async def test_deadline_already_past(opened: Open) -> None:
    """A deadline in the past fails before anything is opened."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        error = await client.failure(server.url, timeouts=Timeouts(deadline=asyncio.get_running_loop().time() - 1))
        assert (error.timeout, error.sent, server.accepted) == (True, False, 0)


async def test_slow_drip_is_no_stall(opened: Open) -> None:
    """A body that takes longer than between_bytes_s in all, but never between two bytes, arrives."""

    async def slowly(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKS)
        for _ in range(10):
            await peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.1)
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with HostileServer(slowly) as server, opened() as client:
        assert await client.fetch(server.url, timeouts=Timeouts(between_bytes_s=0.7)) == (200, b"x" * 10)


async def test_slow_reader_is_no_stall(opened: Open) -> None:
    """between_bytes_s does not run while the reader holds the peer back."""
    body = bytes(24 * 2**20)
    async with HostileServer(answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)) as server, opened() as client:
        response = await client.send(server.url, timeouts=Timeouts(between_bytes_s=0.5))
        size = len(await response.next_chunk())
        await asyncio.sleep(1)
        while chunk := await response.next_chunk():
            size += len(chunk)
        assert size == len(body)


async def test_slow_taker_is_no_stall(opened: Open) -> None:
    """headers_s starts with the request's last byte, however long the request took."""
    async with HostileServer(slow_taker) as server, opened() as client:
        body = bytes(48 * 2**20)
        assert await client.fetch(server.url, body=body, timeouts=Timeouts(headers_s=2.0)) == (200, b"hello")


async def test_no_time_out_left_behind(opened: Open) -> None:
    """The time-outs of one exchange do not reach into the next on the same connection."""

    async def second_is_slow(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await asyncio.sleep(0.5)
        await peer.send(OK)
        await peer.gone()

    async with HostileServer(second_is_slow) as server, opened() as client:
        soon = Timeouts(headers_s=0.2, between_bytes_s=0.2, deadline=asyncio.get_running_loop().time() + 0.3)
        assert await client.fetch(server.url, timeouts=soon) == (200, b"hello")
        assert await client.fetch(server.url, timeouts=Timeouts(connect_s=None)) == (200, b"hello")
        assert server.accepted == 1
