"""Requests as the scripted upstreams read them."""

from benchmarks.upstream.requests import next_request

ONE = b"POST /v1 HTTP/1.1\r\nHost: A\r\nContent-Length: 3\r\n\r\nabc"


def test_a_request_is_whole_at_its_last_byte() -> None:
    """What follows is left; cut anywhere before, there is none yet."""
    assert next_request(ONE + b"GET /") == (b"post /v1 http/1.1\r\nhost: a\r\ncontent-length: 3", b"abc", b"GET /")
    assert [next_request(ONE[:cut]) for cut in range(len(ONE))] == [None] * len(ONE)


def test_without_a_length_there_is_no_body() -> None:
    assert next_request(b"GET / HTTP/1.1\r\n\r\nmore") == (b"get / http/1.1", b"", b"more")
