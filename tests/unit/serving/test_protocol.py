"""Requests and answers on a connection."""

import asyncio
import ssl

import pytest
import trustme
from starlette.types import Receive, Scope, Send

from proxy.serving.limits import ConnectionLimits
from tests.support.eventually import eventually
from tests.support.serving import answer, echo, read_all, serving

HOST = b"Host: a\r\n"


async def test_requests_share_a_connection() -> None:
    """Keep-alive is HTTP/1.1's default."""
    async with serving(echo) as running, await running.connect() as raw:
        for n in range(3):
            raw.send(b"POST /%d HTTP/1.1\r\n" % n + HOST + b"Content-Length: 2\r\n\r\nhi")
            status, head, body = await raw.response()
            assert (status, body) == (200, b"/%d|hi" % n)
            assert b"connection: close" not in head
        assert running.state.accepted == 1
        assert running.state.total_requests == 3


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Also when the first takes longest and there are more than fit the queue."""
    first = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/0":
            await first.wait()
        await echo(scope, receive, send)

    async with serving(app, limits=ConnectionLimits(pipeline_depth=3)) as running, await running.connect() as raw:
        for n in range(20):
            raw.send(b"POST /%d HTTP/1.1\r\n" % n + HOST + b"Content-Length: 3\r\n\r\n%03d" % n)
        await eventually(lambda: running.state.total_requests == 0 and bool(running.state.tasks))
        first.set()
        assert [(await raw.response())[2] for _ in range(20)] == [b"/%d|%03d" % (n, n) for n in range(20)]


async def test_the_body_arrives_whole_and_in_order() -> None:
    """A megabyte, in chunks, read in pieces under back-pressure."""
    data = bytes(range(256)) * 4096

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            await asyncio.sleep(0)
            if not message["more_body"]:
                break
        await answer(send, body)

    async with serving(app) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(data), 10_000):
            piece = data[start : start + 10_000]
            raw.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        raw.send(b"0\r\n\r\n")
        assert (await raw.response())[2] == data


async def test_many_small_chunks_are_no_offence() -> None:
    """Framing that outweighs its content is legal."""
    async with serving(echo) as running, await running.connect() as raw:
        raw.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 30_000 + b"0\r\n\r\n")
        assert len((await raw.response())[2]) == 30_003


async def test_expect_100_continue() -> None:
    """The go-ahead is sent when the application asks for the body."""
    async with serving(echo) as running, await running.connect() as raw:
        raw.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await raw.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(b"hi")
        assert (await raw.response())[2] == b"/x|hi"


async def test_expect_without_go_ahead_ends_the_connection() -> None:
    """A final answer instead of 100: the body may or may not come, so nothing may follow it."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, status=401)

    async with serving(refuse) as running, await running.connect() as raw:
        raw.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        status, head, _ = await raw.response()
        assert status == 401
        assert b"connection: close" in head


@pytest.mark.parametrize("request_head", [b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
async def test_the_client_may_end_the_connection(request_head: bytes) -> None:
    """By its header or by its version."""
    async with serving(echo) as running:
        reply = await running.ask(request_head)
    assert b"connection: close" in reply
    assert reply.endswith(b"/|")


async def test_http10_streams_end_with_the_connection() -> None:
    """A client that does not know chunks gets none."""

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async with serving(stream) as running:
        reply = await running.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert b"transfer-encoding" not in reply
    assert reply.endswith(b"\r\n\r\nonetwo")


async def test_scope_is_asgi_s() -> None:
    """Names, types and the state of the lifespan."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))
        await answer(send)

    async with serving(app) as running, await running.connect() as raw:
        raw.send(b"PUT /p?a=b HTTP/1.1\r\nHOST: a\r\nX-Y: z\r\n\r\n")
        await raw.response()
        scope = seen[0]
        assert scope["type"] == "http"
        assert scope["http_version"] == "1.1"
        assert (scope["method"], scope["path"], scope["raw_path"], scope["query_string"]) == ("PUT", "/p", b"/p", b"a=b")
        assert scope["headers"] == [(b"host", b"a"), (b"x-y", b"z")]
        assert scope["server"] == ("127.0.0.1", running.port)
        assert scope["client"] is not None
        assert scope["client"][0] == "127.0.0.1"
        assert scope["scheme"] == "http"
        assert scope["state"] == {}


async def test_tls() -> None:
    """The same over TLS, where the scheme says so and the early answer lingers without a half-close."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/early":
            await answer(send, b"early", status=413)
        else:
            await read_all(receive)
            await answer(send, scope["scheme"].encode())

    with certificate.private_key_and_cert_chain_pem.tempfile() as path:
        async with serving(app, tls_cert=path, tls_key=path, limits=ConnectionLimits(sweep_s=0.02, linger_s=0.1)) as running:
            reader, writer = await asyncio.open_connection("localhost", running.port, ssl=context)
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            assert (await reader.readuntil(b"https")).startswith(b"HTTP/1.1 200 ")
            writer.write(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
            assert (await reader.readuntil(b"early")).startswith(b"HTTP/1.1 413 ")
            running.server.reload_tls()
            await eventually(lambda: not running.state.open)
            writer.close()


async def test_an_idle_connection_ends_with_the_listener() -> None:
    """And one with a request under way after its answer."""
    go = asyncio.Event()
    entered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            entered.set()
            await go.wait()
        await answer(send)

    async with serving(app, grace_s=10.0) as running, await running.connect() as idle, await running.connect() as busy:
        idle.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await idle.response()
        busy.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        await entered.wait()
        running.server.begin_drain()
        assert await idle.rest() == b""
        go.set()
        status, head, _ = await busy.response()
        assert status == 200
        assert b"connection: close" in head
        assert await busy.rest() == b""
