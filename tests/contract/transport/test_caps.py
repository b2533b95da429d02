"""What an upstream may send before the transport has had enough."""

import asyncio
import gzip
import zlib

import pytest

from proxy.transport.base import ResponseTooLarge
from tests.contract.transport.client import Open, until_failure
from tests.contract.transport.codings import compress
from tests.support.hostile_server import Behaviour, HostileServer, Peer, answer, answer_and_stall

H = b"HTTP/1.1 200 OK\r\n"
CHUNKS = H + b"transfer-encoding: chunked\r\n\r\n"


def endlessly(start: bytes, piece: bytes) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(piece)
            await asyncio.sleep(0)

    return behave


@pytest.mark.parametrize(
    "head",
    [H + b"x: %b\r\n" % (b"y" * 70_000), H + b"".join(b"x-%d: y\r\n" % number for number in range(201))],
    ids=["bytes", "lines"],
)
async def test_large_head(opened: Open, head: bytes) -> None:
    """A head over 64 KiB or 200 lines is too large."""
    async with HostileServer(answer_and_stall(head + b"content-length: 0\r\n\r\n")) as server, opened() as client:
        error = await client.failure(server.url)
        assert isinstance(error, ResponseTooLarge)
        assert (error.phase, error.sent) == ("headers", True)
        assert await server.until(lambda: server.open == 0) < 1


async def test_head_of_permitted_size(opened: Open) -> None:
    """A head just under the caps is read."""
    head = H + b"".join(b"x-%03d: %b\r\n" % (number, b"y" * 250) for number in range(199)) + b"content-length: 2\r\n\r\nok"
    async with HostileServer(answer(head)) as server, opened() as client:
        response = await client.send(server.url)
        assert (len(response.headers), await response.read()) == (200, b"ok")


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (H, b"x: " + b"y" * 1000 + b"\r\n"),
        (H + b"x: ", b"y" * 1000),
        (b"HTTP/1.1 200 ", b"y" * 1000),
        (b"", b"\r\n" * 500),
    ],
    ids=["lines", "value", "reason", "empty lines"],
)
async def test_endless_head(opened: Open, start: bytes, piece: bytes) -> None:
    """A head that never ends is given up, not collected."""
    async with HostileServer(endlessly(start, piece)) as server, opened() as client:
        error = await client.failure(server.url)
        assert error.phase == "headers"
        assert server.peers[0].sent < 30 * 2**20
        await server.until(lambda: server.open == 0)


@pytest.mark.only("http1", "h11 puts no bound on interim answers, chunk extensions and trailers; headers_s and the deadline still hold")
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n" * 20),
        (CHUNKS + b"5;", b"x" * 1000),
        (CHUNKS + b"5\r\nhello\r\n0\r\n", b"x: %b\r\n" % (b"y" * 100)),
        (CHUNKS + b"5\r\nhello\r\n0\r\nx: ", b"y" * 1000),
    ],
    ids=["interim", "extension", "trailers", "trailer"],
)
async def test_endless_overhead(opened: Open, start: bytes, piece: bytes) -> None:
    """So are interim answers, chunk extensions and trailers without end."""
    async with HostileServer(endlessly(start, piece)) as server, opened() as client:
        assert isinstance(await client.failure(server.url), ResponseTooLarge)
        await server.until(lambda: server.open == 0)


BODY = bytes(100_000)
ZIPPED = gzip.compress(BODY)


@pytest.mark.parametrize(
    "reply",
    [
        H + b"content-length: 100000\r\n\r\n" + BODY,
        CHUNKS + b"186a0\r\n" + BODY + b"\r\n0\r\n\r\n",
        H + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(ZIPPED), ZIPPED),
    ],
    ids=["content-length", "chunked", "gzip"],
)
async def test_body_over_the_callers_cap(opened: Open, reply: bytes) -> None:
    """`read` gives up at max_response_bytes, counted after decompression; one byte less is fine."""
    async with HostileServer(answer(reply)) as server, opened() as client:
        assert await client.fetch(server.url, max_response_bytes=100_000) == (200, BODY)
        error = await client.failure(server.url, max_response_bytes=99_999)
        assert isinstance(error, ResponseTooLarge)
        assert (error.phase, error.sent) == ("body", True)


async def test_endless_body_under_read(opened: Open) -> None:
    """A body without end stops at the cap and its socket closes."""
    async with HostileServer(endlessly(CHUNKS, b"3e8\r\n" + bytes(1000) + b"\r\n")) as server, opened() as client:
        assert isinstance(await client.failure(server.url, max_response_bytes=2**20), ResponseTooLarge)
        await server.until(lambda: server.open == 0)


async def test_stream_has_no_cap(opened: Open) -> None:
    """In pieces a body may be larger than max_response_bytes."""
    async with HostileServer(answer(H + b"content-length: 100000\r\n\r\n" + BODY)) as server, opened() as client:
        response = await client.send(server.url, max_response_bytes=10)
        size = 0
        async for piece in response:
            size += len(piece)
        assert size == 100_000


def _bomb(name: str) -> tuple[bytes, bytes]:
    """64 MiB of zeros in a few KiB."""
    return (b"gzip", zlib.compress(bytes(64 * 2**20), wbits=31)) if name == "gzip" else compress(name, bytes(64 * 2**20))


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
async def test_bomb(opened: Open, name: str) -> None:
    """A few bytes that expand to 64 MiB are refused in pieces, too: one step may give 16 MiB."""
    coding, body = _bomb(name)
    reply = H + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n%b" % (coding, len(body), body)
    async with HostileServer(answer(reply)) as server, opened() as client:
        assert isinstance(await client.failure(server.url, max_response_bytes=2**20), ResponseTooLarge)
        got, error = await until_failure(await client.send(server.url))
        assert isinstance(error, ResponseTooLarge)
        assert len(got) <= 32 * 2**20
