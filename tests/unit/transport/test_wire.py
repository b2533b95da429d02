"""Requests as bytes."""

import pytest

from proxy.transport.base import Header, UpstreamRequest
from proxy.transport.wire import Origin, RequestWriter, parse_url


@pytest.mark.parametrize(
    ("url", "origin", "start"),
    [
        ("http://a.test", Origin("http", "a.test", 80), b" / HTTP/1.1\r\nhost: a.test\r\n"),
        ("http://A.test:80/x", Origin("http", "a.test", 80), b" /x HTTP/1.1\r\nhost: a.test\r\n"),
        ("https://a.test:443/x?y=1&z", Origin("https", "a.test", 443), b" /x?y=1&z HTTP/1.1\r\nhost: a.test\r\n"),
        ("https://a.test:8443?q", Origin("https", "a.test", 8443), b" /?q HTTP/1.1\r\nhost: a.test:8443\r\n"),
        ("http://[::1]/x", Origin("http", "::1", 80), b" /x HTTP/1.1\r\nhost: [::1]\r\n"),
        ("http://[::1]:81/%2Fx#part", Origin("http", "::1", 81), b" /%2Fx HTTP/1.1\r\nhost: [::1]:81\r\n"),
    ],
)
def test_url(url: str, origin: Origin, start: bytes) -> None:
    """Origin, target and Host of a URL: default ports unsaid, percent-encoding untouched, the fragment left out."""
    target = parse_url(url)
    assert (target.origin, target.after_method) == (origin, start)


@pytest.mark.parametrize(
    "url",
    ["", "a.test/x", "ws://a.test/", "http:///x", "http://u@a.test/", "http://a.test/\u00e9", "http://a.test/\tx", "http://\u00e9.test/"],
)
def test_bad_url(url: str) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError):
        parse_url(url)


def _head(writer: RequestWriter, *headers: Header, method: str = "POST", body: bytes = b"") -> bytes:
    url = "http://a.test/x"
    return writer.head(UpstreamRequest(method=method, url=url, headers=headers, body=body), writer.target(url))


def test_head() -> None:
    """Request line, Host, the caller's headers, ours, a blank line."""
    assert _head(RequestWriter(), (b"X-A", b"1"), (b"b", b""), body=b"abc") == (
        b"POST /x HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\nb: \r\naccept-encoding: identity\r\ncontent-length: 3\r\n\r\n"
    )


def test_head_without_headers_and_body() -> None:
    """A GET without headers is valid, too."""
    assert _head(RequestWriter(), method="GET") == b"GET /x HTTP/1.1\r\nhost: a.test\r\naccept-encoding: identity\r\n\r\n"


def test_accept_encoding_in_a_value_does_not_count() -> None:
    """Only a header of that name keeps ours away."""
    assert b"\r\naccept-encoding: identity\r\n" in _head(RequestWriter(), (b"x", b"accept-encoding: br"))
    assert _head(RequestWriter(), (b"Accept-Encoding", b"br")).count(b"accept-encoding") == 1


@pytest.mark.parametrize("value", [b"a\r", b"\na", b"a\0", b"\r\n"])
def test_value_that_splits(value: bytes) -> None:
    """CR, LF and NUL are refused wherever they are, also beside harmless headers."""
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        _head(RequestWriter(), (b"a", b"1"), (b"x", value), (b"b", b"2"))


def test_names_keep_being_checked() -> None:
    """A refused name is refused again, and a good one still works after it."""
    writer = RequestWriter()
    for _ in range(2):
        with pytest.raises(ValueError, match="token"):
            _head(writer, (b"good", b"1"), (b"bad name", b"1"))
    assert b"good: 1" in _head(writer, (b"good", b"1"))


def test_memories_are_bounded() -> None:
    """Thousands of names and URLs are all served, from memories that start anew."""
    writer = RequestWriter()
    for number in range(5000):
        assert b"x-%d: 1" % number in _head(writer, (b"x-%d" % number, b"1"), (b"x-%d" % (number + 1), b"1"))
        assert writer.target(f"http://a.test/{number}").after_method.startswith(b" /%d " % number)


@pytest.mark.parametrize("method", ["", "get", "GET ", "G\r\n", "A" * 21])
def test_method(method: str) -> None:
    """A method is a word in capitals."""
    with pytest.raises(ValueError, match="method"):
        _head(RequestWriter(), method=method)
