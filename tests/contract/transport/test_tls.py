"""TLS with certificates made for the test."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from tests.contract.transport.client import Client, Open
from tests.support.hostile_server import OK, HostileServer, Peer, answer, answer_and_close


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def _server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_good_certificate(opened: Open, authority: trustme.CA, ca_file: str) -> None:
    """A certificate of a known authority for the host is accepted, and the connection is used again."""
    async with HostileServer(answer(OK), tls=_server_side(authority, "127.0.0.1")) as server, opened(ca_file=ca_file) as client:
        assert await client.fetch(server.url) == (200, b"hello")
        assert await client.fetch(server.url, body=bytes(2**20)) == (200, b"hello")
        assert server.accepted == 1


async def test_name_is_announced(opened: Open, authority: trustme.CA, ca_file: str) -> None:
    """The host name goes out as SNI."""
    announced: list[object] = []
    context = _server_side(authority, "localhost")
    context.sni_callback = lambda _socket, name, _context: announced.append(name)
    async with HostileServer(answer(OK), tls=context) as server, opened(ca_file=ca_file) as client:
        assert await client.fetch(server.url.replace("127.0.0.1", "localhost")) == (200, b"hello")
        assert announced == ["localhost"]


async def test_unknown_authority(opened: Open, authority: trustme.CA) -> None:
    """A certificate of an unknown authority is an error of the handshake; no byte of the request is sent."""
    async with HostileServer(answer(OK), tls=_server_side(authority, "127.0.0.1")) as server, opened() as client:
        await _refused(client, server)


async def test_wrong_name(opened: Open, authority: trustme.CA, ca_file: str) -> None:
    """So is a certificate for another host."""
    async with HostileServer(answer(OK), tls=_server_side(authority, "elsewhere.test")) as server, opened(ca_file=ca_file) as client:
        await _refused(client, server)


async def test_no_tls_behind_the_port(opened: Open) -> None:
    """So is a peer that speaks plain HTTP."""

    async def plain(peer: Peer) -> None:
        await peer.take(10)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await peer.gone()

    async with HostileServer(plain) as server, opened() as client:
        error = await client.failure(server.url.replace("http:", "https:"))
        assert (error.phase, error.sent, error.timeout) == ("tls", False, False)


async def test_peer_that_closes_in_the_handshake(opened: Open) -> None:
    """So is a peer that leaves in the middle."""

    async def leave(peer: Peer) -> None:
        await peer.take(10)

    async with HostileServer(leave) as server, opened() as client:
        error = await client.failure(server.url.replace("http:", "https:"))
        assert (error.phase, error.sent, error.timeout) == ("tls", False, False)


async def test_verification_can_be_switched_off(opened: Open, authority: trustme.CA) -> None:
    """verify=False takes any certificate."""
    async with HostileServer(answer(OK), tls=_server_side(authority, "elsewhere.test")) as server, opened(verify=False) as client:
        assert await client.fetch(server.url) == (200, b"hello")


async def test_client_certificate(opened: Open, authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    """A client certificate is shown to a server that asks for one; without it the server refuses."""
    context = _server_side(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    own = authority.issue_cert("client.test")
    chain, key = tmp_path / "client.pem", tmp_path / "client.key"
    own.cert_chain_pems[0].write_to_path(chain)
    own.private_key_pem.write_to_path(key)
    async with HostileServer(answer(OK), tls=context) as server:
        async with opened(ca_file=ca_file, client_cert=str(chain), client_key=str(key)) as client:
            assert await client.fetch(server.url) == (200, b"hello")
        async with opened(ca_file=ca_file) as client:
            assert (await client.failure(server.url)).timeout is False
            assert len(server.requests) == 1


async def test_stale_connection_is_replaced(opened: Open, authority: trustme.CA, ca_file: str) -> None:
    """A pooled TLS connection that the server closed is replaced without a word."""

    async def close_later(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        # Together with the answer httpcore would read the end and not notice it.
        await read.wait()

    read = asyncio.Event()
    async with (
        HostileServer(close_later, answer(OK), tls=_server_side(authority, "127.0.0.1")) as server,
        opened(ca_file=ca_file) as client,
    ):
        await client.fetch(server.url)
        read.set()
        await server.closed()
        assert await client.fetch(server.url) == (200, b"hello")
        assert (server.accepted, len(server.requests)) == (2, 2)


async def test_truncated_body(opened: Open, authority: trustme.CA, ca_file: str) -> None:
    """A body that ends early is an error under TLS as well."""
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"
    async with (
        HostileServer(answer_and_close(reply), tls=_server_side(authority, "127.0.0.1")) as server,
        opened(ca_file=ca_file) as client,
    ):
        error = await client.failure(server.url)
        assert (error.phase, error.sent) == ("body", True)


async def _refused(client: Client, server: HostileServer) -> None:
    error = await client.failure(server.url)
    assert (error.phase, error.sent, error.timeout) == ("tls", False, False)
    assert server.requests == []
