"""The small server on METRICS_PORT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.serving.metrics_port import MetricsPort, open_metrics_port
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.sockets import address_of, bind


class Hub:
    async def render(self, accept: str) -> tuple[str, bytes]:
        return "text/plain; version=0.0.4", f"accept={accept}\n".encode()


@asynccontextmanager
async def running(alive: bool = True, read_s: float = 5.0) -> AsyncIterator[int]:
    (sock,) = bind("127.0.0.1", 0)
    port = MetricsPort(Hub(), sock, alive=lambda: alive, read_s=read_s)
    await port.start()
    try:
        yield address_of(sock)[1]
    finally:
        await port.close()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_metrics() -> None:
    """With the scraper's Accept."""
    async with running() as port:
        reply = await ask(port, b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nACCEPT:  application/openmetrics-text \r\n\r\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-type: text/plain; version=0.0.4" in head
    assert body == b"accept=application/openmetrics-text\n"


async def test_head() -> None:
    """The length without the body."""
    async with running() as port:
        reply = await ask(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert b"content-length: 8\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("alive", "status"), [(True, b"200"), (False, b"503")])
async def test_live(alive: bool, status: bytes) -> None:
    """What the supervisor knows of its workers."""
    async with running(alive) as port:
        assert (await ask(port, b"GET /health/live HTTP/1.1\r\n\r\n")).split(b" ")[1] == status


@pytest.mark.parametrize(
    ("request_head", "status"),
    [(b"GET /x HTTP/1.1\r\n\r\n", b"404"), (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"), (b"junk\r\n\r\n", b"405")],
)
async def test_nothing_else(request_head: bytes, status: bytes) -> None:
    """Is here."""
    async with running() as port:
        assert (await ask(port, request_head)).split(b" ")[1] == status


async def test_a_client_that_says_nothing() -> None:
    """Is dropped; so is one that says too much, or leaves."""
    async with running(read_s=0.05) as port:
        assert await ask(port, b"GET /metr") == b""
        assert await ask(port, b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 40_000) == b""
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.abort()


def test_a_taken_port_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """And no socket."""
    (taken,) = bind("127.0.0.1", 0)
    with taken:
        taken.listen()
        assert open_metrics_port(Launch(options=ServeOptions(metrics_port=address_of(taken)[1]))) is None
    assert "no metrics port: cannot listen" in caplog.text


def test_no_port_wanted() -> None:
    """None."""
    assert open_metrics_port(Launch(options=ServeOptions(metrics_port=None))) is None
