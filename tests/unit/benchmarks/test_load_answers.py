"""The load generator's HTTP reading."""

import pytest

from benchmarks.load.answers import Answer, BadAnswer, dechunk, take_answer

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize(("raw", "answer"), [(PLAIN, Answer(200, b"hello", True)), (CHUNKED, Answer(201, b"hello", False))])
def test_cut_at_every_byte(raw: bytes, answer: Answer) -> None:
    """An answer is taken when its last byte is there, and no byte earlier."""
    assert [take_answer(raw[:end]) for end in range(len(raw))] == [None] * len(raw)
    assert take_answer(raw) == answer


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "status line"),
        (b"HTTP/1.1 abc\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "neither"),
        (PLAIN + b"x", "more bytes"),
        (CHUNKED + b"x", "after the last chunk"),
        (CHUNKED.replace(b"\r\n3\r\n", b"\r\nzz\r\n"), "bad chunk size"),
    ],
)
def test_bad_answers(raw: bytes, says: str) -> None:
    """What is no whole HTTP/1.1 answer counts as an error, never as an answer."""
    with pytest.raises(BadAnswer, match=says):
        take_answer(raw)


def test_empty_chunked_body() -> None:
    """A body may be only its last chunk."""
    assert dechunk(b"0\r\n\r\n", 0) == b""
