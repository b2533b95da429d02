"""Small requests without the parser: what is taken reads as llhttp reads it, and what could be read otherwise is not taken."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.header_lines import REMEMBERED
from proxy.serving.whole_request import WholeRequests

USUAL = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer sk-1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
)


class _Seen:
    """What llhttp's call-backs tell."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.ended = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


def _by_parser(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes] | None:
    """None: it refuses, waits, or would end the connection."""
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if seen.ended != 1 or parser.get_http_version() != "1.1" or parser.get_method() != b"POST" or not parser.should_keep_alive():
        return None
    return seen.url, seen.headers, seen.body


def _taken(requests: WholeRequests, data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes] | None:
    found = requests.read(data, requests.lines.__getitem__)
    return None if found is None else (found[0], found[2], found[3])


def test_usual_request() -> None:
    """Read twice, the second time from memory, it is what the parser makes of it."""
    requests = WholeRequests()
    for _ in range(2):
        assert _taken(requests, USUAL) is not None
        assert _taken(requests, USUAL) == _by_parser(USUAL)
    found = requests.read(USUAL, requests.lines.__getitem__)
    assert found is not None
    assert (found[1], found[4]) == ("/v1/chat/completions", len(USUAL) - 2)


@pytest.mark.parametrize(
    "data",
    [
        USUAL + b"x",
        USUAL + USUAL,
        USUAL[:-1],
        b"\r\n" + USUAL,
        USUAL.replace(b"POST", b"GET"),
        USUAL.replace(b"POST", b"post"),
        USUAL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        USUAL.replace(b"/v1", b"http://a/v1"),
        USUAL.replace(b"completions", b"completions?x=1"),
        USUAL.replace(b"completions", b"%63ompletions"),
        USUAL.replace(b"completions", b"completions#a"),
        USUAL.replace(b"Host: a.test\r\n", b""),
        USUAL.replace(b"Host: a.test", b"Host: a.test\r\nHost: a.test"),
        USUAL.replace(b"keep-alive", b"close"),
        USUAL.replace(b"keep-alive", b"keep-alive, upgrade"),
        USUAL.replace(b"Connection: keep-alive", b"Upgrade: websocket"),
        USUAL.replace(b"Connection: keep-alive", b"Expect: 100-continue"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 02"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        USUAL.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        USUAL.replace(b"Content-Length: 2", b"Content-Length : 2"),
        USUAL.replace(b"Host: a.test", b"Host: a.test\r\n folded"),
        USUAL.replace(b"a.test", b"a\ntest"),
        USUAL.replace(b"a.test", b"a\rtest"),
        USUAL.replace(b"a.test", b"a\0test"),
        USUAL.replace(b"a.test", b"a.test "),
        USUAL.replace(b"a.test", b"\xe9"),
        USUAL.replace(b"\r\n", b"\n"),
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n{}",
    ],
)
def test_left_to_the_parser(data: bytes) -> None:
    """Also where its lines have been seen in a request that was taken."""
    requests = WholeRequests()
    assert requests.read(USUAL, requests.lines.__getitem__) is not None
    assert requests.read(data, requests.lines.__getitem__) is None


NAMES = st.sampled_from([b"X-A", b"x-b", b"Host", b"Content-Length", b"Connection", b"Transfer-Encoding", b"Expect", b"a b", b""])
VALUES = st.sampled_from([b"2", b"02", b"keep-alive", b"close", b"chunked", b" 2", b"2 ", b"a\tb", b"\x00", b"2, 2"]) | st.binary(
    max_size=4
)
LINES = st.builds(lambda name, sep, value: name + sep + value, NAMES, st.sampled_from([b": ", b":", b" : "]), VALUES)


@given(
    path=st.sampled_from([b"/", b"/a", b"//a", b"/a?b", b"*", b"a", b"/\x80"]) | st.binary(max_size=4).map(lambda tail: b"/" + tail),
    lines=st.lists(LINES, max_size=4),
    body=st.sampled_from([b"{}", b"{", b"", b"{} "]),
    end=st.sampled_from([b"\r\n", b"\n"]),
)
def test_never_other_than_the_parser(path: bytes, lines: list[bytes], body: bytes, end: bytes) -> None:
    """Whatever is taken, the parser takes as well, as the same request on a connection fit for more."""
    data = end.join([b"POST " + path + b" HTTP/1.1", b"Host: a", b"Content-Length: 2", *lines, b"", body])
    requests = WholeRequests()
    for _ in range(2):
        taken = _taken(requests, data)
        if taken is not None:
            assert taken == _by_parser(data)


def test_memory() -> None:
    """It is bounded and holds no credential."""
    requests = WholeRequests()
    for number in range(3 * REMEMBERED):
        changed = USUAL.replace(b"a.test", b"%d.test" % number).replace(b"/v1", b"/v%d" % number)
        assert requests.read(changed, requests.lines.__getitem__) is not None
    assert max(len(requests.lines), len(requests.paths)) <= REMEMBERED
    assert not any(b"sk-1" in line for line in requests.lines)
