"""Small answers without the parser: what is taken reads as the parser would read it, and what could be read otherwise is not taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.header_lines import REMEMBERED
from proxy.transport.base import TransportError
from proxy.transport.coding import decoders
from proxy.transport.parser import ResponseParser
from proxy.transport.whole_answer import WholeAnswers

USUAL = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: keep-alive\r\n\r\nok"
)


class Nobody:
    def resume(self) -> None:
        """No reader ever pauses here."""

    def abort(self) -> None:
        """Nothing to close."""


def _by_parser(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool, bool] | None:
    """As llhttp reads it, which two feeds make sure of; None where it refuses or waits."""
    parser = ResponseParser(Nobody(), decoders())
    parser.expect(bare=False, limit=1000)
    try:
        parser.feed(data[:1])
        parser.feed(data[1:])
    except TransportError:
        return None
    found = parser.response
    if found is None or not parser.complete:
        return None
    return found.status, found.headers, b"".join(found.chunks), parser.reusable, found.framed


def test_usual_answer() -> None:
    """Read twice, the second time from memory, it is what the parser makes of it."""
    answers = WholeAnswers()
    for _ in range(2):
        assert answers.read(USUAL) is not None
        assert answers.read(USUAL) == _by_parser(USUAL)[1:3]  # type: ignore[index]


@pytest.mark.parametrize(
    "data",
    [
        USUAL + b"x",
        USUAL[:-1],
        USUAL.replace(b" 200 OK", b" 204 OK"),
        USUAL.replace(b" 200 OK", b" 200"),
        USUAL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        USUAL.replace(b"keep-alive", b"close"),
        USUAL.replace(b"Connection: keep-alive", b"Keep-Alive: timeout=5"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 02"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: +2"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length : 2"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Encoding: gzip"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nUpgrade: h2c"),
        USUAL.replace(b"Server: nginx", b"Server: ng\nx: y"),
        USUAL.replace(b"Server: nginx", b"Server: ng\rx"),
        USUAL.replace(b"Server: nginx", b"Server: ng\0x"),
        USUAL.replace(b"Server: nginx", b"Server: nginx\r\n folded"),
        USUAL.replace(b"Server: nginx", b"Server:nginx"),
        USUAL.replace(b"Server: nginx", b"Server: nginx "),
        USUAL.replace(b"Server: nginx", b"Server: n\xe9"),
        USUAL.replace(b"Server: nginx", b": nginx"),
        USUAL.replace(b"Server: nginx", b"Ser ver: nginx"),
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_left_to_the_parser(data: bytes) -> None:
    """Also where its lines have been seen in an answer that was taken."""
    answers = WholeAnswers()
    assert answers.read(USUAL) is not None
    assert answers.read(data) is None


TOKENS = st.sampled_from([b"Server", b"x-a", b"Content-Length", b"Connection", b"Transfer-Encoding", b"X-A", b"Keep-Alive", b"a b", b""])
VALUES = st.one_of(
    st.sampled_from([b"2", b"02", b"keep-alive", b"close", b"chunked", b" 2", b"2 ", b"a\tb", b"\x00", b"2, 2"]), st.binary(max_size=4)
)


@given(
    lines=st.lists(
        st.builds(lambda name, sep, value: name + sep + value, TOKENS, st.sampled_from([b": ", b":", b" : "]), VALUES), max_size=4
    ),
    body=st.sampled_from([b"ok", b"o", b"", b"okk"]),
    end=st.sampled_from([b"\r\n", b"\n"]),
)
def test_never_other_than_the_parser(lines: list[bytes], body: bytes, end: bytes) -> None:
    """Whatever is taken, the parser takes as well, to the same headers and body, with a connection fit for more."""
    data = end.join([b"HTTP/1.1 200 OK", b"Content-Length: 2", *lines, b"", body])
    answers = WholeAnswers()
    for _ in range(2):
        taken = answers.read(data)
        if taken is not None:
            assert (200, *taken, True, True) == _by_parser(data)


def test_memory_is_bounded() -> None:
    """Values of requests' own do not pile up, cookies are not kept."""
    answers = WholeAnswers()
    for number in range(3 * REMEMBERED):
        assert answers.read(USUAL.replace(b"nginx", b"%d" % number)) is not None
    assert len(answers.lines) <= REMEMBERED
    answers.read(USUAL.replace(b"Server", b"Set-Cookie"))
    assert not any(line.startswith(b"Set-Cookie") for line in answers.lines)
