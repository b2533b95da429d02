"""Settings into transports."""

import sys

import pytest

from proxy.transport.factory import make_transport
from proxy.transport.http1 import Http1Transport
from proxy.transport.httpx import HttpxTransport


def test_kinds() -> None:
    """Each kind gives its transport."""
    assert isinstance(make_transport("http1", max_connections=5), Http1Transport)
    assert isinstance(make_transport("httpx"), HttpxTransport)


def test_what_http1_cannot_do() -> None:
    """A proxy or HTTP/2 with http1 is an error that says what to use."""
    for settings in ({"proxy": "http://p.test"}, {"http2": True}):
        with pytest.raises(ValueError, match="transport: httpx"):
            make_transport("http1", **settings)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional package that is missing is named with the extra that brings it."""
    monkeypatch.setitem(sys.modules, "socksio", None)  # what import and find_spec take for missing, also where it is there
    with pytest.raises(ValueError, match=r"socksio is not installed.*llm-edge\[socks\]"):
        make_transport("httpx", proxy="socks5://p.test:1080")


def test_bad_file_fails_at_start_up() -> None:
    """A missing CA file is found when the transport is made."""
    with pytest.raises(ValueError, match="ca_file"):
        make_transport("http1", ca_file="/nonexistent/ca.pem")
