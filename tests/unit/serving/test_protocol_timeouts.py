"""Clients that stop sending or reading are dropped by the sweep."""

import asyncio

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from proxy.governance.trace import DISCONNECT_KEY
from proxy.serving.limits import ConnectionLimits
from tests.support.eventually import eventually
from tests.support.serving import answer, echo, read_all, serving

HOST = b"Host: a\r\n"
LONG = 60.0


def limits(**short: float) -> ConnectionLimits:
    """Everything long but what the test names."""
    relaxed = ConnectionLimits(headers_s=LONG, body_stall_s=LONG, write_stall_s=LONG, keep_alive_s=LONG, linger_s=LONG, sweep_s=0.02)
    return msgspec.structs.replace(relaxed, **short)


async def test_a_head_that_never_ends_is_408() -> None:
    """Slowloris: a byte now and then does not keep the connection."""
    async with serving(echo, limits=limits(headers_s=0.2)) as running, await running.connect() as raw:
        raw.send(b"GET / HTTP/1.1\r\n")
        reply = asyncio.ensure_future(raw.rest())
        while not reply.done():
            raw.send(b"X: a\r\n")
            await asyncio.sleep(0.02)
        assert (await reply).startswith(b"HTTP/1.1 408 ")
        assert running.state.refused["headers_timeout"] == 1


async def test_a_connection_without_a_byte_is_closed() -> None:
    """No request, no answer."""
    async with serving(echo, limits=limits(headers_s=0.1)) as running:
        assert await running.ask(b"") == b""


async def test_empty_lines_do_not_keep_a_connection() -> None:
    """Nor does what may stand before a request."""
    async with serving(echo, limits=limits(headers_s=0.2)) as running, await running.connect() as raw:
        reply = asyncio.ensure_future(raw.rest())
        while not reply.done():
            raw.send(b"\r\n")
            await asyncio.sleep(0.02)
        assert await reply == b""


async def test_a_later_head_has_the_same_time() -> None:
    """The second request of a connection is measured from its own first byte."""
    async with serving(echo, limits=limits(headers_s=0.2)) as running, await running.connect() as raw:
        raw.send(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await raw.response())[0] == 200
        raw.send(b"GET /2 HTTP/1.1\r\n")
        assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_is_closed() -> None:
    """After the keep-alive time, without a word."""
    async with serving(echo, limits=limits(keep_alive_s=0.1)) as running, await running.connect() as raw:
        raw.send(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await raw.response())[0] == 200
        assert await raw.rest() == b""


async def test_a_request_under_way_is_not_idle() -> None:
    """However long the answer takes, no time-out of ours ends it."""
    go = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await answer(send)

    short = limits(keep_alive_s=0.05, headers_s=0.05, body_stall_s=0.05, write_stall_s=0.05)
    async with serving(slow, limits=short) as running, await running.connect() as raw:
        raw.send(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.3)
        go.set()
        assert (await raw.response())[0] == 200


@pytest.mark.parametrize("kind", [b"Content-Length: 100\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
async def test_a_body_that_stops_is_408(kind: bytes) -> None:
    """The application sees a disconnect."""
    left = asyncio.Event()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(ConnectionError):
            await read_all(receive)
        left.set()

    async with serving(reading, limits=limits(body_stall_s=0.1)) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + kind)
        assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")
        assert left.is_set()
        assert running.state.refused["body_stall"] == 1


async def test_a_body_that_trickles_is_let_be() -> None:
    """Every byte starts the time anew."""
    async with serving(echo, limits=limits(body_stall_s=0.3)) as running, await running.connect() as raw:
        raw.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.1)
            raw.send(b"a")
        assert (await raw.response())[2] == b"/x|aaaaaaaaaa"


async def test_an_application_that_does_not_read_is_not_the_client_s_fault() -> None:
    """While reading is paused no body can stall."""
    go = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await answer(send, b"%d" % len(await read_all(receive)))

    async with serving(late, limits=limits(body_stall_s=0.1)) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + bytes(300_000))
        await asyncio.sleep(0.4)
        go.set()
        assert (await raw.response())[2] == b"300000"


async def test_a_reader_that_stops_is_dropped() -> None:
    """Nothing taken of a waiting answer for the limit: the connection is cut and the application told."""
    told = asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        scope[DISCONNECT_KEY].set_callback(told.set)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not told.is_set():
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})

    async with serving(flood, limits=limits(write_stall_s=0.2)) as running, await running.connect() as raw:
        raw.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        async with asyncio.timeout(10):
            await told.wait()
        assert running.state.refused["write_stall"] == 1


async def test_a_reader_that_stops_after_the_answer_is_complete_is_dropped() -> None:
    """An answer that the application has finished, but the client does not take, holds no connection for ever."""
    size = 30_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, bytes(size))

    async with serving(large, limits=limits(write_stall_s=0.2)) as running, await running.connect() as raw:
        raw.send(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        await eventually(lambda: running.state.refused["write_stall"] == 1)
        assert len(await raw.rest()) < size


async def test_a_slow_reader_is_let_be() -> None:
    """As long as it takes something."""
    size = 8_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, bytes(size))

    async with serving(large, limits=limits(write_stall_s=0.5)) as running, await running.connect() as raw:
        raw.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await raw.head()
        left = size
        while left:
            left -= len(await raw.reader.read(400_000))
            await asyncio.sleep(0.05)
        assert running.state.refused.total() == 0


async def test_an_early_answer_reaches_a_client_that_still_sends() -> None:
    """413 with megabytes to come: the rest is read and thrown away, so that no reset destroys the answer; then the connection ends."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"too large", status=413)

    async with serving(refuse, limits=limits(linger_s=0.5)) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n")
        for _ in range(40):
            raw.send(bytes(100_000))
            await asyncio.sleep(0)
        status, head, body = await raw.response()
        assert (status, body) == (413, b"too large")
        assert b"connection: close" in head
        await eventually(lambda: not running.state.open)


async def test_a_client_that_reads_and_closes_ends_the_lingering() -> None:
    """Nobody waits longer than the client needs."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"no", status=401)

    async with serving(refuse, limits=limits()) as running:
        async with await running.connect() as raw:
            raw.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
            assert (await raw.response())[0] == 401
        await eventually(lambda: not running.state.open, 2.0)
