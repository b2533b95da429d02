"""Lines of heads, read once."""

import pytest

from proxy.core.header_lines import OWN, OWN_BYTES, REMEMBERED, REMEMBERED_BYTES, HeaderLines, OwnLines, Unusual


def test_reads_and_keeps() -> None:
    """The second time the line itself is found."""
    lines = HeaderLines()
    assert lines[b"Content-Type: text/html; charset=x"] == (b"content-type", b"text/html; charset=x")
    assert dict.get(lines, b"Content-Type: text/html; charset=x") == (b"content-type", b"text/html; charset=x")


@pytest.mark.parametrize("line", [b"", b"a", b"a:b", b"a:  b", b"a: ", b"a: b ", b" a: b", b"a : b", b"a: b\t", b"a: \xe9", b"a: b\nc: d"])
def test_is_left_to_the_parser(line: bytes) -> None:
    """Whatever is not name, colon, space and a visible value."""
    lines = HeaderLines()
    with pytest.raises(Unusual):
        lines[line]
    assert not lines


@pytest.mark.parametrize("line", [b"Connection: close", b"Transfer-Encoding: chunked", b"Keep-Alive: timeout=5", b"Expect: 100-continue"])
def test_framing_is_the_parsers(line: bytes) -> None:
    """And so are the names that the owner adds; a connection that stays says nothing."""
    lines = HeaderLines(also=(b"expect",))
    with pytest.raises(Unusual):
        lines[line]
    assert lines[b"Connection: Keep-Alive"] == (b"connection", b"Keep-Alive")


def test_what_is_not_kept() -> None:
    """Credentials, cookies and long lines; and never more than so many."""
    lines = HeaderLines()
    for line in (b"Authorization: Bearer x", b"X-API-Key: x", b"Set-Cookie: a=b", b"a: " + b"b" * REMEMBERED_BYTES):
        assert lines[line]
        assert not lines
    for number in range(2 * REMEMBERED + 1):
        assert lines[b"a: %d" % number]
    assert len(lines) == 1


def test_a_connections_own_lines() -> None:
    """Hold its credential, which the shared ones do not; bounded; what is the parser's stays so."""
    shared = HeaderLines()
    own = OwnLines(shared)
    for _ in range(2):
        assert own[b"Authorization: Bearer x"] == (b"authorization", b"Bearer x")
        assert own[b"a: b"] == (b"a", b"b")
    assert (set(own), set(shared)) == ({b"Authorization: Bearer x", b"a: b"}, {b"a: b"})
    with pytest.raises(Unusual):
        own[b"Connection: close"]
    assert own[b"a: " + b"b" * OWN_BYTES]
    for number in range(3 * OWN):
        assert own[b"a: %d" % number]
    assert len(own) <= OWN
