"""Bytes into answers; what whole exchanges show is in tests/contract/transport."""

import pytest

from proxy.transport.base import ResponseTooLarge, TransportError
from proxy.transport.coding import decoders
from proxy.transport.parser import ResponseParser


class Nobody:
    def resume(self) -> None:
        """No reader ever pauses here."""

    def abort(self) -> None:
        """Nothing to close."""


def _parser(*, bare: bool = False) -> ResponseParser:
    parser = ResponseParser(Nobody(), decoders())
    parser.expect(bare=bare, limit=1000)
    return parser


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_one_answer_after_another() -> None:
    """After `expect` the parser reads the next answer of the connection."""
    parser = _parser()
    for _ in range(3):
        parser.feed(OK)
        assert parser.response is not None
        assert (parser.response.chunks, parser.complete, parser.reusable) == ([b"ok"], True, True)
        parser.expect(bare=False, limit=1000)
        assert not parser.complete


@pytest.mark.parametrize("more", [OK, b"HTTP/1.1", b"\0"])
def test_more_than_the_answer(more: bytes) -> None:
    """Bytes past the answer leave it whole and make the connection unusable."""
    parser = _parser()
    parser.feed(OK + more)
    assert parser.response is not None
    assert (parser.response.chunks, parser.complete, parser.reusable) == ([b"ok"], True, False)


def test_answer_to_head() -> None:
    """With `bare` the head is all."""
    parser = _parser(bare=True)
    parser.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
    assert (parser.complete, parser.reusable) == (True, False)


@pytest.mark.parametrize(("value", "hint_s"), [(b"timeout=5", 5.0), (b"max=3, Timeout = 60", 60.0), (b"max=3", None), (b"timeout=x", None)])
def test_keepalive_hint(value: bytes, hint_s: float | None) -> None:
    """`Keep-Alive: timeout=` is noted."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 200 OK\r\nkeep-alive: %b\r\ncontent-length: 0\r\n\r\n" % value)
    assert parser.keepalive_hint_s == hint_s


def test_interim_framing_is_forgotten() -> None:
    """Headers of an interim answer say nothing about the final one."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 103 Early\r\ncontent-length: 9\r\ncontent-encoding: br\r\n\r\n")
    parser.feed(b"HTTP/1.1 200 OK\r\n\r\nbody")
    assert parser.response is not None
    assert (parser.response.framed, parser.response.headers, parser.response.chunks) == (False, [], [b"body"])


def test_version_in_pieces() -> None:
    """The version is checked however the status line is cut."""
    parser = _parser()
    parser.feed(b"HTT")
    with pytest.raises(TransportError, match=r"1\.x"):
        parser.feed(b"P/2.0 200 OK\r\ncontent-length: 0\r\n\r\n")


def test_codings_add_up() -> None:
    """Two content-encoding headers are one list, which is unknown."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx")
    assert parser.response is not None
    assert parser.response.decoder is not None
    assert parser.response.headers == []


def test_error_after_the_head_is_of_the_body() -> None:
    """A bad chunk is a failure of the body, and keeps what came before it."""
    parser = _parser()
    with pytest.raises(TransportError) as caught:
        parser.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n")
    assert caught.value.phase == "body"
    assert parser.response is not None
    assert parser.response.chunks == [b"ok"]


def test_head_in_one_large_packet() -> None:
    """The cap counts the head, not the packet it came in."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + bytes(100_000))
    assert parser.complete
    parser = _parser()
    with pytest.raises(ResponseTooLarge):
        parser.feed(b"HTTP/1.1 200 OK\r\nx: %b\r\n\r\n" % (b"y" * 70_000))


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"5\r\nhello\r\n", b"hello"),
        (b"A\r\n0123456789\r\n", b"0123456789"),
        (b"5;a=b\r\nhello\r\n", b"hello"),
        (b"2\r\nab\r\n3\r\ncde\r\n", b"abcde"),
        (b"5\r\nhe", b"he"),
        (b"4\r\na\r\nb\r\n", b"a\r\nb"),
    ],
)
def test_chunks_that_come_alone_and_others_read_the_same(data: bytes, content: bytes) -> None:
    """The short way takes whole lone chunks only, and llhttp goes on from there."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
    parser.feed(data)
    parser.feed(b"" if data.endswith(b"\r\n") else b"llo\r\n")
    parser.feed(b"3\r\nend\r\n")
    parser.feed(b"0\r\n\r\n")
    assert parser.response is not None
    assert b"".join(parser.response.chunks) == b"x" + content + (b"" if data.endswith(b"\r\n") else b"llo") + b"end"
    assert (parser.complete, parser.reusable) == (True, True)


@pytest.mark.parametrize("size", [b"0x5", b"+5", b" 5", b"5 ", b"5_", b"-5", b"g"])
def test_a_chunk_size_that_is_not_plain_hex_is_refused(size: bytes) -> None:
    """The short way is as strict as llhttp."""
    parser = _parser()
    parser.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
    with pytest.raises(TransportError):
        parser.feed(size + b"\r\nhello\r\n")
        parser.feed(b"0\r\n\r\n")
