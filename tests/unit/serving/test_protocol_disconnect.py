"""When a client leaves, its request is told at once (contract A's first step)."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from proxy.governance.trace import DISCONNECT_KEY
from proxy.serving.limits import ConnectionLimits
from tests.support.serving import Raw, answer, read_all, serving

GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
FAST = ConnectionLimits(sweep_s=0.05)


class Waiting:
    """Requests that wait until they are told to go on or that their client is gone."""

    def __init__(self, *, first: bytes = b"") -> None:
        self.first = first
        self.entered = asyncio.Event()
        self.gone: list[str] = []
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]

        def gone() -> None:
            self.gone.append(path)
            self.left.set()

        scope[DISCONNECT_KEY].set_callback(gone)
        self.entered.set()
        if self.first:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": self.first, "more_body": True})
        await self.left.wait()
        await answer(send)


async def _within_a_second(app: Waiting) -> None:
    async with asyncio.timeout(1.0):
        await app.left.wait()


@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
async def test_before_headers(way: str) -> None:
    """A client that leaves while nothing has been answered is noticed within a second, however it leaves."""
    app = Waiting()
    async with serving(app) as running:
        async with await running.connect() as raw:
            raw.send(GET % b"x")
            await app.entered.wait()
            _leave(raw, way)
            await _within_a_second(app)
        assert app.gone == ["/x"]


async def test_mid_stream() -> None:
    """The same while a stream is on its way."""
    app = Waiting(first=b"piece")
    async with serving(app) as running:
        async with await running.connect() as raw:
            raw.send(GET % b"x")
            await raw.head()
            raw.reset()
            await _within_a_second(app)
        assert app.gone == ["/x"]


async def test_callback_set_after_the_client_left_is_called_soon() -> None:
    """A request that asks late is told all the same."""
    entered, told = asyncio.Event(), asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        scope[DISCONNECT_KEY].set_callback(told.set)
        await told.wait()

    async with serving(late) as running, await running.connect() as raw:
        raw.send(GET % b"x")
        await entered.wait()
        raw.reset()
        async with asyncio.timeout(1.0):
            await told.wait()


async def test_not_called_after_a_whole_answer() -> None:
    """A client that leaves with its answer complete has lost nothing."""
    app = Waiting()
    app.left.set()
    async with serving(app) as running, await running.connect() as raw:
        raw.send(GET % b"x")
        assert (await raw.response())[0] == 200
    assert app.gone == []


async def test_while_reading_is_paused() -> None:
    """With more body waiting than fits, reading stops and no FIN is read: the kernel is asked."""
    app = Waiting()
    async with serving(app, limits=FAST) as running:
        async with await running.connect() as raw:
            raw.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + bytes(3_000_000))
            await app.entered.wait()
            raw.reset()
            await _within_a_second(app)
        assert app.gone == ["/x"]


async def test_paused_with_an_orderly_close() -> None:
    """A FIN behind unread data is seen too."""
    app = Waiting()
    async with serving(app, limits=FAST) as running, await running.connect() as raw:
        raw.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + bytes(200_000))
        await app.entered.wait()
        raw.writer.write_eof()
        await _within_a_second(app)


async def test_two_pipelined_requests_are_both_told() -> None:
    """The one being answered hears of it; the one in the queue never starts."""
    app = Waiting()
    async with serving(app) as running:
        async with await running.connect() as raw:
            raw.send(GET % b"first" + GET % b"second")
            await app.entered.wait()
            raw.reset()
            await _within_a_second(app)
        assert app.gone == ["/first"]


async def test_receive_reports_the_disconnect() -> None:
    """Applications that wait on `receive` hear of it as ASGI says."""
    types: list[str] = []
    done = asyncio.Event()
    entered = asyncio.Event()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        entered.set()
        types.append((await receive())["type"])
        done.set()

    async with serving(listening) as running, await running.connect() as raw:
        raw.send(GET % b"x")
        await entered.wait()
        raw.reset()
        async with asyncio.timeout(1.0):
            await done.wait()
    assert types == ["http.disconnect"]


async def test_send_after_the_client_left_is_dropped() -> None:
    """Writing to a client that is gone is no error."""
    entered, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        scope[DISCONNECT_KEY].set_callback(go.set)
        entered.set()
        await go.wait()
        await answer(send)
        ended.set()

    async with serving(stubborn) as running, await running.connect() as raw:
        raw.send(GET % b"x")
        await entered.wait()
        raw.reset()
        async with asyncio.timeout(1.0):
            await ended.wait()


async def test_a_writer_waiting_for_room_is_released() -> None:
    """An application blocked by back-pressure goes on when its client leaves."""
    ended = asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = False

        def gone() -> None:
            nonlocal left
            left = True

        scope[DISCONNECT_KEY].set_callback(gone)
        while not left:
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        ended.set()

    async with serving(flood) as running, await running.connect() as raw:
        raw.send(GET % b"x")
        await raw.head()
        raw.reset()
        async with asyncio.timeout(1.0):
            await ended.wait()


def _leave(raw: Raw, way: str) -> None:
    if way == "close":
        raw.writer.close()
    elif way == "reset":
        raw.reset()
    else:
        raw.writer.write_eof()
