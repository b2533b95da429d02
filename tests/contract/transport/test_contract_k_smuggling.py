"""Contract K, at the transport: nothing that two parties could read in two ways passes, out or in."""

import pytest

from proxy.transport.base import Header
from tests.contract.transport.client import Open
from tests.support.hostile_server import OK, HostileServer, answer, answer_and_stall

H = b"HTTP/1.1 200 OK\r\n"
CHUNKS = H + b"transfer-encoding: chunked\r\n\r\n"

AMBIGUOUS = {
    "length and chunks": H + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": H + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": H + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "list of lengths": H + b"content-length: 5, 6\r\n\r\nhello!",
    "negative length": H + b"content-length: -5\r\n\r\nhello",
    "signed length": H + b"content-length: +5\r\n\r\nhello",
    "hexadecimal length": H + b"content-length: 0x5\r\n\r\nhello",
    "empty length": H + b"content-length:\r\n\r\nhello",
    "unknown transfer-coding": H + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "transfer-coding after chunked": H + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "no chunked": H + b"transfer-encoding: identity\r\n\r\nhello",
    "chunked twice": H + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size with a prefix": CHUNKS + b"0x5\r\nhello\r\n0\r\n\r\n",
    "signed chunk size": CHUNKS + b"+5\r\nhello\r\n0\r\n\r\n",
    "negative chunk size": CHUNKS + b"-5\r\nhello\r\n0\r\n\r\n",
    "no chunk size": CHUNKS + b"\r\nhello\r\n0\r\n\r\n",
    "chunk size that is a word": CHUNKS + b"five\r\nhello\r\n0\r\n\r\n",
    "chunk size without end": CHUNKS + b"f" * 30 + b"\r\nhello\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKS + b"5\r\nhello!\r\n0\r\n\r\n",
    "NUL in a value": H + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "NUL in a name": H + b"x\0: a\r\ncontent-length: 0\r\n\r\n",
    "CR in a value": H + b"x: a\rb: c\r\ncontent-length: 0\r\n\r\n",
    "space before the colon": H + b"content-length : 5\r\n\r\nhello",
    "no colon": H + b"content-length 5\r\n\r\nhello",
    "no name": H + b": 5\r\ncontent-length: 0\r\n\r\n",
    "folded first line": H + b" content-length: 5\r\n\r\nhello",
    "garbage": b"\x16\x03\x01\x00\xa5 this is no HTTP at all\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
    "short status": b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
    "long status": b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
    "status of words": b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n",
    "HTTP/2.0 in clear text": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "switched protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nraw",
}
STRICTER = {
    "folded value": H + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "equal lengths": H + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "bare LF after a header": H + b"x: a\ncontent-length: 0\r\n\r\n",
    "bare LF after a chunk size": CHUNKS + b"5\nhello\r\n0\r\n\r\n",
    "space after a chunk size": CHUNKS + b"5 \r\nhello\r\n0\r\n\r\n",
    "101 without an upgrade": b"HTTP/1.1 101 X\r\n\r\n" + OK,
    "length in a trailer": CHUNKS + b"5\r\nhello\r\n0\r\ncontent-length: 6\r\n\r\n",
}


@pytest.mark.parametrize("form", AMBIGUOUS)
async def test_ambiguous_answer(opened: Open, form: str) -> None:
    """Such an answer is an error after the request was sent, and its connection is closed."""
    async with HostileServer(answer_and_stall(AMBIGUOUS[form])) as server, opened() as client:
        error = await client.failure(server.url)
        assert error.phase in ("headers", "body")
        assert error.sent
        assert await server.until(lambda: server.open == 0) < 1


@pytest.mark.only("http1", "h11 resolves these one way, as its documentation says, and we have no hand in it")
@pytest.mark.parametrize("form", STRICTER)
async def test_ambiguous_answer_that_only_http1_refuses(opened: Open, form: str) -> None:
    """llhttp in strict mode refuses more than h11 does."""
    async with HostileServer(answer_and_stall(STRICTER[form])) as server, opened() as client:
        error = await client.failure(server.url)
        assert error.sent
        assert await server.until(lambda: server.open == 0) < 1


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nevil: 1"),
        (b"x", b"a\nevil: 1"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"x\r\ny", b"a"),
        (b"", b"a"),
        (b"Content-Length", b"3"),
        (b"transfer-encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"host", b"elsewhere"),
    ],
)
async def test_request_header_that_could_split(opened: Open, header: Header) -> None:
    """A name or value that could end a line, or a header that is the transport's to write, is refused before anything is opened."""
    async with HostileServer(answer(OK)) as server, opened() as client:
        with pytest.raises(ValueError):
            await client.send(server.url, headers=(header,))
        assert server.accepted == 0


@pytest.mark.parametrize(
    "url",
    [
        "/relative",
        "ftp://127.0.0.1/",
        "http://",
        "http://user:pw@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/a\r\nx: y",
        "http://127.0.0.1:99999/",
    ],
)
async def test_url_that_cannot_be_sent(opened: Open, url: str) -> None:
    """So is a URL that is no absolute http(s) URL or would break the request line."""
    async with opened() as client:
        with pytest.raises(ValueError):
            await client.send(url)


async def test_method_that_cannot_be_sent(opened: Open) -> None:
    """So is a method that is not a plain word."""
    async with opened() as client:
        with pytest.raises(ValueError):
            await client.send("http://127.0.0.1/", method="GET / HTTP/1.1\r\nx:")
