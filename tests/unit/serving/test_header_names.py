"""Names of response headers."""

import pytest

from proxy.serving.header_names import FRAMING, MAX_NAMES, HeaderNames


def test_a_name_is_learnt_once() -> None:
    """In lower case, with its colon."""
    names = HeaderNames()
    assert names.get(b"X-A") is None
    assert names.learn(b"X-A") == b"x-a: "
    assert names.get(b"X-A") == b"x-a: "


@pytest.mark.parametrize("name", [b"Content-Length", b"transfer-encoding", b"CONNECTION"])
def test_framing_headers_are_never_kept(name: bytes) -> None:
    """They are looked at each time."""
    names = HeaderNames()
    assert names.learn(name) in FRAMING
    assert names.get(name) is None


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", "é".encode()])
def test_what_is_no_token_is_refused(name: bytes) -> None:
    """RFC 9110, 5.6.2."""
    with pytest.raises(RuntimeError, match="Invalid HTTP header name"):
        HeaderNames().learn(name)


def test_the_number_is_bounded() -> None:
    """Names beyond are valid, but not kept."""
    names = HeaderNames()
    for n in range(MAX_NAMES + 5):
        names.learn(b"x-%d" % n)
    assert names.get(b"x-%d" % (MAX_NAMES + 1)) is None
    assert names.learn(b"x-last") == b"x-last: "
