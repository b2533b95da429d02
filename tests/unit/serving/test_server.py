"""The drain and the life of a server, in one loop."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from starlette.types import Receive, Scope, Send

from proxy.core.lifecycle import Lifecycle
from proxy.serving.options import ServeOptions
from proxy.serving.server import EdgeServer
from proxy.serving.sockets import bind
from proxy.telemetry.metrics import Metrics
from tests.support.eventually import eventually
from tests.support.serving import LifespanApp, answer, echo, serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_ready_and_stopped() -> None:
    """The life cycle follows the server, the application's lifespan is run once."""
    app = LifespanApp(echo)
    async with serving(app) as running:
        assert running.lifecycle.is_ready
        assert app.started == 1
    assert running.lifecycle.state == "stopped"
    assert app.stopped == 1


async def test_ready_is_told_once_connections_are_accepted() -> None:
    """Whoever waits for it can connect."""
    lifecycle = Lifecycle()
    server = EdgeServer(LifespanApp(echo), options=ServeOptions(drain_delay_s=0), lifecycle=lifecycle, metrics=Metrics())
    told = asyncio.Event()
    server.when_ready(told.set)
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    task = asyncio.ensure_future(server.serve(sockets))
    await told.wait()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    server.begin_drain()
    await task


async def test_a_drain_before_the_start_is_not_lost() -> None:
    """A signal that comes while the stores open."""
    server = EdgeServer(LifespanApp(echo), options=ServeOptions(drain_delay_s=0), lifecycle=Lifecycle(), metrics=Metrics())
    server.begin_drain()
    async with asyncio.timeout(10):
        await server.serve(bind("127.0.0.1", 0))
    assert server.lifecycle.state == "stopped"


async def test_the_first_drain_counts() -> None:
    """A second one does not change its times."""
    async with serving(echo, drain_delay_s=30.0) as running:
        running.server.begin_drain(delay_s=0.0, grace_s=0.1)
        running.server.begin_drain(delay_s=30.0)
        assert running.task is not None
        async with asyncio.timeout(10):
            await running.task


async def test_draining_shows_while_still_accepting() -> None:
    """Readiness is false, requests are answered with `Connection: close`."""
    async with serving(echo, drain_delay_s=0.5) as running:
        running.server.begin_drain()
        assert running.lifecycle.is_draining
        reply = await running.ask(GET)
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in reply


async def test_force_end_comes_after_grace() -> None:
    """Not before."""
    order: list[str] = []
    entered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        forced = asyncio.Event()
        running.lifecycle.on_force_end(forced.set)
        entered.set()
        await forced.wait()
        order.append("ended")
        await answer(send, b"in-band")

    async with serving(app, grace_s=0.2, end_s=5.0) as running, await running.connect() as raw:
        raw.send(GET)
        await entered.wait()
        running.server.begin_drain()
        await asyncio.sleep(0.1)
        assert order == []
        assert (await raw.response())[2] == b"in-band"
        assert running.task is not None
        await running.task


async def test_what_does_not_end_is_cut_off() -> None:
    """Connection and task."""
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.set()

    async with serving(app, grace_s=0.05, end_s=0.05) as running, await running.connect() as raw:
        raw.send(GET)
        await entered.wait()
        running.server.begin_drain()
        assert await raw.rest() == b""
        async with asyncio.timeout(10):
            await cancelled.wait()
        assert running.task is not None
        await running.task


async def test_an_application_that_does_not_start() -> None:
    """SystemExit, as uvicorn does."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    server = EdgeServer(fails, options=ServeOptions(), lifecycle=Lifecycle(), metrics=Metrics())
    sockets = bind("127.0.0.1", 0)
    with pytest.raises(SystemExit):
        await server.serve(sockets)
    for sock in sockets:
        sock.close()


async def test_connections_are_counted() -> None:
    """Open ones, accepted ones, and refused ones by reason."""
    async with serving(echo) as running:
        await running.ask(b"nonsense\r\n\r\n")
        async with await running.connect() as raw:
            raw.send(GET)
            await raw.response()
            samples = {(s.family, s.labels): s.values for s in running.metrics.snapshot()}
            assert samples[("llm_edge_active_connections", ())] == (1.0,)
            assert samples[("llm_edge_connections_total", ())] == (2.0,)
            assert samples[("llm_edge_http_refused_total", ("bad_request",))] == (1.0,)
        await eventually(lambda: not running.state.open)


async def test_a_renewed_certificate_is_served(tmp_path: Path) -> None:
    """To new connections, after the reload; a broken file changes nothing."""
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    file = tmp_path / "cert.pem"

    def renew() -> bytes:
        certificate = authority.issue_cert("localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(file)
        return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())

    async def served(port: int) -> bytes | None:
        _, writer = await asyncio.open_connection("localhost", port, ssl=context)
        got: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return got

    first = renew()
    async with serving(echo, tls_cert=str(file), tls_key=str(file)) as running:
        assert await served(running.port) == first
        second = renew()
        running.server.reload_tls()
        assert await served(running.port) == second
        file.write_text("broken")
        with pytest.raises(ssl.SSLError):
            running.server.reload_tls()
        assert await served(running.port) == second


async def test_without_tls_there_is_nothing_to_reload() -> None:
    """And no error."""
    async with serving(echo) as running:
        running.server.reload_tls()
