"""What only httpx can do: outbound proxies and HTTP/2."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.transport.base import Timeouts
from tests.contract.transport.client import Open, pieces, until_failure
from tests.support.hostile_server import OK, HostileServer, Peer, answer
from tests.support.require import require

pytestmark = pytest.mark.only("httpx", "http1 is a direct way and speaks HTTP/1.1")


async def test_request_through_a_proxy(opened: Open) -> None:
    """A plain request goes to the proxy with its absolute URL; the name is the proxy's to resolve."""
    async with HostileServer(answer(OK)) as proxy, opened(proxy=proxy.url) as client:
        assert await client.fetch("http://upstream.invalid/v1?x=1") == (200, b"hello")
        assert proxy.requests[0].target == "http://upstream.invalid/v1?x=1"
        assert proxy.requests[0].header(b"host") == b"upstream.invalid"


async def test_proxy_that_refuses_a_tunnel(opened: Open) -> None:
    """A refused CONNECT is a failure to connect: the request itself was not sent."""
    async with HostileServer(answer(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")) as proxy, opened(proxy=proxy.url) as client:
        error = await client.failure("https://upstream.invalid/v1")
        assert (error.phase, error.sent) == ("connect", False)
        assert [received.method for received in proxy.requests] == ["CONNECT"]


class Http2Server:
    """As much of HTTP/2 as the tests need: answers each stream by its path."""

    def __init__(self) -> None:
        self.h2 = require("h2.connection", "HTTP/2 (extra http2)")
        self.events = require("h2.events", "HTTP/2 (extra http2)")
        self.config = require("h2.config", "HTTP/2 (extra http2)")
        self.waiting: list[int] = []

    async def __call__(self, peer: Peer) -> None:
        state = self.h2.H2Connection(self.config.H2Configuration(client_side=False))
        state.initiate_connection()
        await peer.send(state.data_to_send())
        while data := await peer.receive():
            for event in state.receive_data(data):
                if isinstance(event, self.events.RequestReceived):
                    self._answer(state, event.stream_id, dict(event.headers)[b":path"])
            await peer.send(state.data_to_send())

    def _answer(self, state: Any, stream: int, path: bytes) -> None:
        if path == b"/pair":
            self.waiting.append(stream)
            if len(self.waiting) < 2:
                return
        for target in self.waiting if path == b"/pair" else [stream]:
            state.send_headers(target, [(":status", "200"), ("x-stream", str(target))])
            state.send_data(target, b"hello", end_stream=path == b"/pair")
        if path == b"/reset":
            state.reset_stream(stream)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context, str(tmp_path / "ca.pem")


async def test_http2_shares_a_connection(opened: Open, tls: tuple[ssl.SSLContext, str]) -> None:
    """Two exchanges at once are two streams of one connection, framed without a content-length."""
    async with HostileServer(Http2Server(), tls=tls[0]) as server, opened(ca_file=tls[1], http2=True) as client:
        url = server.url.replace("/v1/test?q=1", "/pair")
        responses = await asyncio.gather(client.send(url), client.send(url))
        assert [response.framed for response in responses] == [True, True]
        assert [await response.read() for response in responses] == [b"hello", b"hello"]
        assert {response.header(b"x-stream") for response in responses} == {b"1", b"3"}
        assert server.accepted == 1


async def test_http2_stream_reset(opened: Open, tls: tuple[ssl.SSLContext, str]) -> None:
    """A stream reset by the peer is no clean end."""
    async with HostileServer(Http2Server(), tls=tls[0]) as server, opened(ca_file=tls[1], http2=True) as client:
        url = server.url.replace("/v1/test?q=1", "/reset")
        error = await client.failure(url)
        assert (error.sent, error.timeout) == (True, False)


async def test_http2_stall(opened: Open, tls: tuple[ssl.SSLContext, str]) -> None:
    """Time-outs hold for streams as well, and what came before is handed out."""
    async with HostileServer(Http2Server(), tls=tls[0]) as server, opened(ca_file=tls[1], http2=True) as client:
        got, error = await until_failure(await client.send(server.url, timeouts=Timeouts(between_bytes_s=0.2)))
        assert (got, error.phase, error.timeout) == (b"hello", "body", True)


async def test_http2_cancelled_stream_spares_the_connection(opened: Open, tls: tuple[ssl.SSLContext, str]) -> None:
    """Closing one stream leaves the connection to the others."""
    async with HostileServer(Http2Server(), tls=tls[0]) as server, opened(ca_file=tls[1], http2=True) as client:
        response = await client.send(server.url)
        response.close()
        await asyncio.sleep(0.05)
        url = server.url.replace("/v1/test?q=1", "/pair")
        both = await asyncio.gather(client.send(url), client.send(url))
        assert [b"".join(await pieces(response)) for response in both] == [b"hello", b"hello"]
        assert server.accepted == 1
