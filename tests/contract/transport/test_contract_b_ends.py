"""Contract B, at the transport: an answer that did not end by its own framing never looks like one that did."""

import zlib
from collections.abc import Callable

import pytest

from proxy.transport.base import Phase, TransportError
from tests.contract.transport.client import Open, until_failure
from tests.contract.transport.codings import CODINGS, compress
from tests.support.hostile_server import (
    Behaviour,
    HostileServer,
    Peer,
    answer,
    answer_and_close,
    answer_and_reset,
    close_on_accept,
    refused_port,
    reset_on_accept,
)

LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def reset_after_head_of_request(peer: Peer) -> None:
    await peer.head()
    peer.reset()


CASES: dict[str, tuple[Behaviour, Phase]] = {
    "reset in the request": (reset_after_head_of_request, "headers"),
    "reset after the request": (answer_and_reset(), "headers"),
    "end after the request": (answer_and_close(), "headers"),
    "reset in the head": (answer_and_reset(b"HTTP/1.1 200 OK\r\nx: "), "headers"),
    "end in the head": (answer_and_close(b"HTTP/1.1 200 OK\r\nx: "), "headers"),
    "end after an interim answer": (answer_and_close(b"HTTP/1.1 100 Continue\r\n\r\n"), "headers"),
    "reset before the body": (answer_and_reset(LENGTH), "body"),
    "end before the body": (answer_and_close(LENGTH), "body"),
    "reset in the body": (answer_and_reset(LENGTH, b"12345"), "body"),
    "end in the body": (answer_and_close(LENGTH, b"12345"), "body"),
    "end a byte early": (answer_and_close(LENGTH, b"123456789"), "body"),
    "reset in a chunk": (answer_and_reset(CHUNKS, b"5\r\nhel"), "body"),
    "end in a chunk": (answer_and_close(CHUNKS, b"5\r\nhel"), "body"),
    "end in a chunk's size": (answer_and_close(CHUNKS, b"5\r\nhello\r\n1"), "body"),
    "end after a chunk": (answer_and_close(CHUNKS, b"5\r\nhello\r\n"), "body"),
    "reset after a chunk": (answer_and_reset(CHUNKS, b"5\r\nhello\r\n"), "body"),
    "end in the terminator": (answer_and_close(CHUNKS, b"5\r\nhello\r\n0\r\n"), "body"),
    "end in a trailer": (answer_and_close(CHUNKS, b"5\r\nhello\r\n0\r\nx: y"), "body"),
    "reset of an unframed body": (answer_and_reset(b"HTTP/1.1 200 OK\r\n\r\n", b"data"), "body"),
}


@pytest.mark.parametrize("case", CASES)
async def test_early_end(opened: Open, case: str) -> None:
    """An end that is too early, by FIN or RST, is an error of its phase, of a request that was sent."""
    behaviour, phase = CASES[case]
    async with HostileServer(behaviour) as server, opened() as client:
        error = await client.failure(server.url)
        assert (error.phase, error.sent, error.timeout) == (phase, True, False)
        assert server.accepted == 1
        assert await server.until(lambda: server.open == 0) < 1


@pytest.mark.parametrize("behaviour", [reset_on_accept, close_on_accept])
async def test_connection_that_dies_at_once(opened: Open, behaviour: Behaviour) -> None:
    """A peer that closes on accept is an error of the connection or of the head, by who was faster."""
    async with HostileServer(behaviour) as server, opened() as client:
        error = await client.failure(server.url)
        assert (error.phase, error.sent) in [("connect", False), ("send", True), ("headers", True)]
        assert not error.timeout


async def test_connection_refused(opened: Open) -> None:
    """Nobody listening: phase connect, nothing sent."""
    with refused_port() as port:
        async with opened() as client:
            error = await client.failure(f"http://127.0.0.1:{port}/")
    assert (error.phase, error.sent, error.timeout) == ("connect", False, False)


@pytest.mark.parametrize("end", [answer_and_close, answer_and_reset])
async def test_what_arrived_is_handed_out_before_the_error(opened: Open, end: Callable[..., Behaviour]) -> None:
    """A stream gives every byte that came before it broke."""
    async with HostileServer(end(CHUNKS, b"3\r\none\r\n", b"3\r\ntwo\r\n")) as server, opened() as client:
        response = await client.send(server.url)
        got, error = await until_failure(response)
        assert (got, error.phase) == (b"onetwo", "body")
        with pytest.raises(TransportError):
            await response.next_chunk()
        assert not response.finished


async def test_iteration_does_not_end_at_an_early_end(opened: Open) -> None:
    """`async for` raises where the body breaks off."""
    async with HostileServer(answer_and_close(CHUNKS, b"3\r\none\r\n")) as server, opened() as client:
        response = await client.send(server.url)
        with pytest.raises(TransportError):
            async for _ in response:
                pass


@pytest.mark.parametrize("name", CODINGS)
async def test_truncated_compressed_body(opened: Open, name: str) -> None:
    """A compressed body whose framing is whole and whose data are not is an error, for `read` and in pieces."""
    coding, whole = compress(name, b"some text " * 100)
    body = whole[:-5]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(body))
    async with HostileServer(answer(head + body)) as server, opened() as client:
        assert (await client.failure(server.url)).phase == "body"
        _, error = await until_failure(await client.send(server.url))
        assert error.phase == "body"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
async def test_damaged_compressed_body(opened: Open, name: str) -> None:
    """Data that are not of the announced coding are an error of the body."""
    coding, whole = compress(name, b"some text " * 100)
    body = whole[:6] + b"\xff" * len(whole[6:])
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(body))
    async with HostileServer(answer(head + body)) as server, opened() as client:
        error = await client.failure(server.url)
        assert (error.phase, error.sent) == ("body", True)


@pytest.mark.parametrize("coding", [b"snappy", b"gzip, br"])
async def test_unknown_coding(opened: Open, coding: bytes) -> None:
    """A coding that cannot be undone is an error of the body; status and headers are still there."""
    head = b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-encoding: %b\r\ncontent-length: 4\r\n\r\nabcd" % coding
    async with HostileServer(answer(head)) as server, opened() as client:
        response = await client.send(server.url)
        assert (response.status, response.header(b"retry-after")) == (429, b"7")
        with pytest.raises(TransportError, match="unknown content-coding") as caught:
            await response.read()
        assert caught.value.phase == "body"


async def test_empty_body_has_no_coding(opened: Open) -> None:
    """Nothing at all is a whole body in any coding."""
    replies = [
        b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: 0\r\n\r\n" % coding for coding in (b"gzip", b"deflate", b"snappy")
    ]
    for reply in replies:
        async with HostileServer(answer(reply)) as server, opened() as client:
            assert await client.fetch(server.url) == (200, b"")


async def test_compressed_bytes_before_damage_are_handed_out(opened: Open) -> None:
    """In a compressed stream, too, what was whole comes before the error."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    first = compressor.compress(b"first") + compressor.flush(zlib.Z_SYNC_FLUSH)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    async with HostileServer(answer_and_close(head, first)) as server, opened() as client:
        response = await client.send(server.url)
        assert await response.next_chunk() == b"first"
        with pytest.raises(TransportError, match="ends early"):
            await response.next_chunk()


async def test_answer_before_the_request_ends(opened: Open) -> None:
    """A 413 that comes while the body is still being sent is delivered, and the connection is not used again."""

    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")
        peer.half_close()
        await peer.gone()

    async with HostileServer(refuse) as server, opened() as client:
        assert await client.fetch(server.url, body=bytes(32 * 2**20)) == (413, b"large")
        assert client.transport.stats().idle == 0


@pytest.mark.only("http1", "httpcore reads only once the request is written or the peer has closed")
async def test_answer_before_the_request_ends_without_a_close(opened: Open) -> None:
    """The same from a peer that neither reads on nor closes."""

    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")
        await server.until(lambda: finished)

    finished = False
    async with HostileServer(refuse) as server, opened() as client:
        assert await client.fetch(server.url, body=bytes(32 * 2**20)) == (413, b"large")
        assert client.transport.stats().open == 0
        finished = True
