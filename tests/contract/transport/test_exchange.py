"""What an exchange that goes well looks like, on the wire and to the caller."""

import asyncio
import zlib

import pytest

from tests.contract.transport.client import Open, pieces
from tests.contract.transport.codings import CODINGS, compress
from tests.support.hostile_server import (
    OK,
    HostileServer,
    Peer,
    answer,
    answer_and_close,
    answer_and_stall,
    answer_each,
    drip,
)

TEXT = b"".join(b"line %d of a text that compresses well\n" % number for number in range(2000))
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: v\r\n\r\n"


async def test_request_on_the_wire(opened: Open) -> None:
    """One request line with path and query, Host with the port, the caller's headers in order, content-length, identity coding."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        headers = ((b"authorization", b"Bearer k"), (b"x-a", b"1"), (b"x-a", b"2"))
        assert await client.fetch(server.url, headers=headers, body=b"abc") == (200, b"hello")
        received = server.requests[0]
        assert (received.method, received.target, received.body) == ("POST", "/v1/test?q=1", b"abc")
        assert [pair for pair in received.headers if pair[0] in (b"authorization", b"x-a")] == list(headers)
        rest = dict(received.headers)
        assert rest[b"host"] == b"127.0.0.1:%d" % server.port
        assert (rest[b"content-length"], rest[b"accept-encoding"]) == (b"3", b"identity")
        assert b"transfer-encoding" not in rest


async def test_empty_post_says_so(opened: Open) -> None:
    """A POST without a body carries content-length: 0; a GET carries none."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        await client.fetch(server.url, body=b"")
        await client.fetch(server.url, method="GET")
        assert [received.header(b"content-length") for received in server.requests] == [b"0", None]


async def test_headers_come_in_lower_case_and_repeat(opened: Open) -> None:
    """Names are lower case, repeated headers stay apart, `header` gives the first."""
    reply = b"HTTP/1.1 201 Created\r\nX-One: a\r\nx-one: b\r\nEmpty:\r\nContent-Length: 0\r\n\r\n"
    async with HostileServer(answer(reply)) as server, opened() as client:
        response = await client.send(server.url)
        assert response.status == 201
        assert [value for name, value in response.headers if name == b"x-one"] == [b"a", b"b"]
        assert (response.header(b"x-one"), response.header(b"empty"), response.header(b"none")) == (b"a", b"", None)
        assert await response.read() == b""


async def test_caller_may_ask_for_compression(opened: Open) -> None:
    """An accept-encoding of the caller's is sent as it is."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        await client.fetch(server.url, headers=((b"Accept-Encoding", b"gzip"),))
        assert [value for name, value in server.requests[0].headers if name == b"accept-encoding"] == [b"gzip"]


@pytest.mark.parametrize("reply", [OK, CHUNKED], ids=["content-length", "chunked"])
async def test_one_byte_at_a_time(opened: Open, reply: bytes) -> None:
    """An answer cut at every byte is the same answer, and the connection is used again."""
    body = b"hello" if reply == OK else b"hello world"
    async with HostileServer(drip(reply)) as server, opened() as client:
        assert await client.fetch(server.url) == (200, body)
        response = await client.send(server.url)
        assert b"".join(await pieces(response)) == body
        assert server.accepted == 1


async def test_cut_once_anywhere(opened: Open) -> None:
    """The same for every single place of the cut."""

    async def halves(peer: Peer) -> None:
        for cut in range(1, len(CHUNKED)):
            await peer.request()
            await peer.send(CHUNKED[:cut])
            await asyncio.sleep(0.001)
            await peer.send(CHUNKED[cut:])
        await peer.gone()

    async with HostileServer(halves) as server, opened() as client:
        for _ in range(1, len(CHUNKED)):
            assert await client.fetch(server.url) == (200, b"hello world")
        assert server.accepted == 1


async def test_pieces_arrive_as_they_are_sent(opened: Open) -> None:
    """A piece is handed out before the next one is sent; next_chunk ends with b""."""
    go_on = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        await peer.send(b"3\r\ntwo\r\n0\r\n\r\n")
        await peer.gone()

    async with HostileServer(behave) as server, opened() as client:
        response = await client.send(server.url)
        assert response.framed
        assert await response.next_chunk() == b"one"
        assert not response.finished
        go_on.set()
        assert await response.next_chunk() == b"two"
        assert await response.next_chunk() == b""
        assert await response.next_chunk() == b""
        assert response.finished


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_a_body(opened: Open, status: int) -> None:
    """204 and 304 have no body whatever their headers say, and the connection goes on."""
    bodiless = b"HTTP/1.1 %d None\r\netag: x\r\n\r\n" % status
    async with HostileServer(answer_each([bodiless, OK])) as server, opened() as client:
        response = await client.send(server.url)
        assert (response.status, response.framed, await response.read()) == (status, True, b"")
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 1


async def test_head_has_no_body(opened: Open) -> None:
    """The answer to a HEAD ends with its headers; content-length stays readable."""
    async with HostileServer(answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")) as server, opened() as client:
        response = await client.send(server.url, method="HEAD")
        assert (response.header(b"content-length"), response.framed, await response.read()) == (b"1000", True, b"")


async def test_interim_answers_are_skipped(opened: Open) -> None:
    """100, 102 and 103 before the answer leave no trace in it."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with HostileServer(answer_each([interim + OK, OK])) as server, opened() as client:
        response = await client.send(server.url)
        assert (response.status, response.header(b"link"), await response.read()) == (200, None, b"hello")
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.accepted == 1


async def test_body_until_close_is_unframed(opened: Open) -> None:
    """A body that only the end of the connection ends is given whole, and marked as unframed."""
    async with HostileServer(answer_and_close(b"HTTP/1.0 200 OK\r\n\r\n", b"some", b"thing")) as server, opened() as client:
        response = await client.send(server.url)
        assert not response.framed
        assert await response.read() == b"something"
        assert client.transport.stats().idle == 0


async def test_large_request_body(opened: Open) -> None:
    """A body over every buffer arrives whole."""
    body = bytes(range(256)) * 40_000
    async with HostileServer(answer(OK)) as server, opened() as client:
        assert await client.fetch(server.url, body=body) == (200, b"hello")
        assert await client.fetch(server.url, body=body[:100_000]) == (200, b"hello")
        assert [received.body for received in server.requests] == [body, body[:100_000]]
        assert server.accepted == 1


async def test_large_answer_read_at_once(opened: Open) -> None:
    """`read` takes a body much larger than the high-water mark."""
    body = bytes(range(256)) * 20_000
    async with HostileServer(answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)) as server, opened() as client:
        assert await client.fetch(server.url) == (200, body)
        assert await client.fetch(server.url) == (200, body)
        assert server.accepted == 1


def _encoded(coding: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\nx-kept: 1\r\n\r\n%b" % (coding, len(body), body)


@pytest.mark.parametrize("name", CODINGS)
async def test_compressed_body(opened: Open, name: str) -> None:
    """Each coding is undone, for `read` and in pieces; its headers go, the others stay."""
    async with HostileServer(answer(_encoded(*compress(name, TEXT)))) as server, opened() as client:
        response = await client.send(server.url)
        assert await response.read() == TEXT
        assert [name for name, _ in response.headers] == [b"x-kept"]
        assert b"".join(await pieces(await client.send(server.url))) == TEXT


@pytest.mark.parametrize("name", CODINGS)
async def test_compressed_body_byte_by_byte(opened: Open, name: str) -> None:
    """A compressed body cut at every byte decodes to the same."""
    async with HostileServer(drip(_encoded(*compress(name, b"abc" * 20)))) as server, opened() as client:
        assert b"".join(await pieces(await client.send(server.url))) == b"abc" * 20


async def test_compressed_stream_is_not_held_back(opened: Open) -> None:
    """A flushed piece of a compressed stream is handed out while the stream goes on."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    first = compressor.compress(b"first") + compressor.flush(zlib.Z_SYNC_FLUSH)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    async with HostileServer(answer_and_stall(head, b"%x\r\n%b\r\n" % (len(first), first))) as server, opened() as client:
        response = await client.send(server.url)
        assert await response.next_chunk() == b"first"
        response.close()


async def test_identity_is_no_coding(opened: Open) -> None:
    """content-encoding: identity changes nothing."""
    async with HostileServer(answer(_encoded(b"identity", b"plain"))) as server, opened() as client:
        response = await client.send(server.url)
        assert response.header(b"content-encoding") == b"identity"
        assert await response.read() == b"plain"


async def test_ipv6_literal(opened: Open) -> None:
    """A URL with an IPv6 address connects, and Host keeps the brackets."""
    async with HostileServer(answer(OK), host="::1") as server, opened() as client:
        assert await client.fetch(server.url) == (200, b"hello")
        assert server.requests[0].header(b"host") == b"[::1]:%d" % server.port


async def test_host_name(opened: Open) -> None:
    """A name is resolved; where it has several addresses, one that listens is found."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        assert await client.fetch(f"http://localhost:{server.port}/") == (200, b"hello")
