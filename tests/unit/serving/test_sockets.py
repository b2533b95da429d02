"""Listening sockets."""

import socket

import pytest

from proxy.serving.sockets import CannotListen, address_of, bind
from tests.support.require import missing


def test_a_free_port() -> None:
    """0 takes one."""
    (sock,) = bind("127.0.0.1", 0)
    with sock:
        host, port = address_of(sock)
        assert host == "127.0.0.1"
        assert port > 0


def test_several_share_a_port() -> None:
    """One for each worker."""
    sockets = bind("127.0.0.1", 0, count=3, shared=True)
    assert len({address_of(sock) for sock in sockets}) == 1
    for sock in sockets:
        sock.listen()
        sock.close()


def test_ipv6() -> None:
    """Where the machine has it."""
    if not socket.has_ipv6:
        missing("IPv6", "this Python was built without it")
    try:
        (sock,) = bind("::1", 0)
    except CannotListen:
        missing("IPv6", "the machine has no ::1")
    with sock:
        assert address_of(sock)[0] == "::1"


def test_a_taken_port() -> None:
    """Said with the address, and nothing stays open."""
    (first,) = bind("127.0.0.1", 0)
    with first:
        first.listen()
        port = address_of(first)[1]
        with pytest.raises(CannotListen, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            bind("127.0.0.1", port)


def test_an_unknown_host() -> None:
    """The resolver's words."""
    with pytest.raises(CannotListen, match=r"cannot listen on nowhere\.invalid:80"):
        bind("nowhere.invalid", 80)
