"""Applications that answer in odd ways."""

import asyncio
import logging
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from proxy.governance.trace import DISCONNECT_KEY
from tests.support.eventually import eventually
from tests.support.serving import answer, read_all, serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


class Sends:
    """Sends the given messages; keeps what the last one raised."""

    def __init__(self, *messages: Message) -> None:
        self._messages = messages
        self.error = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for message in self._messages:
                await send(message)
        except RuntimeError as exc:
            self.error = str(exc)
            raise


async def reply(*messages: Message, request: bytes = GET) -> bytes:
    async with serving(Sends(*messages)) as running:
        return await running.ask(request)


async def test_known_length() -> None:
    """Head and body as the application says, and a Date."""
    got = await reply(start((b"Content-Length", b"5"), (b"X-A", b"b")), body(b"he", more=True), body(b"llo"))
    head, _, rest = got.partition(b"\r\n\r\n")
    assert rest == b"hello"
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert lines[1].startswith(b"date: ")
    assert lines[2:] == [b"content-length: 5", b"x-a: b", b"connection: close"]


async def test_unknown_length_is_chunked() -> None:
    """Without a length each piece is a chunk, empty ones none."""
    got = await reply(start(), body(b"one", more=True), body(b"", more=True), body(b"three"))
    assert got.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")


async def test_the_application_may_name_the_coding() -> None:
    """`Transfer-Encoding: chunked` of its own is not doubled."""
    got = await reply(start((b"transfer-encoding", b"chunked")), body(b"one"))
    assert got.count(b"transfer-encoding") == 1
    assert got.endswith(b"3\r\none\r\n0\r\n\r\n")


async def test_a_large_body_follows_its_head() -> None:
    """More than is worth joining."""
    data = bytes(300_000)
    assert (await reply(start((b"content-length", b"300000")), body(data))).endswith(b"\r\n\r\n" + data)


async def test_head_gets_no_body() -> None:
    """Whatever the application sends."""
    assert (await reply(start((b"content-length", b"5")), body(b"hello"), request=HEAD)).endswith(b"\r\n\r\n")
    assert (await reply(start(), body(b"hello"), request=HEAD)).endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_bodiless_status(status: int) -> None:
    """No framing where there can be no body."""
    got = await reply(start(status=status), body())
    assert b"transfer-encoding" not in got
    assert got.endswith(b"\r\n\r\n")


async def test_an_unnamed_status() -> None:
    """A status that the standard library has no phrase for is sent without one."""
    assert (await reply(start((b"content-length", b"0"), status=599), body())).startswith(b"HTTP/1.1 599 \r\n")


async def test_no_headers_at_all() -> None:
    """Keep-alive, HEAD: the head may be the status line and the Date alone."""
    async with serving(Sends(start(), body())) as running, await running.connect() as raw:
        raw.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await raw.head()).count(b"\r\n") == 3


@pytest.mark.parametrize("tokens", [b"close", b"keep-alive, Close"])
async def test_the_application_may_end_the_connection(tokens: bytes) -> None:
    """By its own Connection header, which is not doubled."""
    async with serving(Sends(start((b"connection", tokens), (b"content-length", b"0")), body())) as running:
        got = await running.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert got.lower().count(b"connection:") == 1


BAD_HEADERS: dict[str, tuple[bytes, bytes]] = {
    "response splitting": (b"x-a", b"b\r\nset-cookie: evil"),
    "a bare LF": (b"x-a", b"b\nset-cookie: evil"),
    "a bare CR": (b"x-a", b"b\rc"),
    "a NUL": (b"x-a", b"b\0c"),
    "DEL": (b"x-a", b"b\x7fc"),
    "an empty name": (b"", b"b"),
    "a name with a space": (b"x a", b"b"),
    "a name with a colon": (b"x:a", b"b"),
    "a name with a line end": (b"x\r\na", b"b"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
async def test_a_header_that_would_break_the_framing_is_never_sent(case: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets 500 and the log says why."""
    app = Sends(start(BAD_HEADERS[case]), body())
    async with serving(app) as running:
        got = await running.ask(GET)
    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"evil" not in got
    assert "Invalid HTTP header" in app.error
    assert "exception out of the application" in caplog.text


MISUSE: dict[str, tuple[list[Message], str]] = {
    "body first": ([body()], "Expected ASGI message 'http.response.start'"),
    "two starts": ([start(), start()], "Expected ASGI message 'http.response.body'"),
    "after the end": ([start((b"content-length", b"0")), body(), body()], "after response already completed"),
    "too much": ([start((b"content-length", b"2")), body(b"abc")], "longer than Content-Length"),
    "too little": ([start((b"content-length", b"4")), body(b"abc")], "shorter than Content-Length"),
}


@pytest.mark.parametrize("case", MISUSE)
async def test_misuse_is_an_error_of_the_application(case: str) -> None:
    """As ASGI servers do: RuntimeError, and no answer that looks whole but is not."""
    messages, text = MISUSE[case]
    app = Sends(*messages)
    async with serving(app) as running:
        await running.ask(GET)
    assert text in app.error


async def test_an_exception_before_the_answer_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """Logged once, counted once, and the connection ends."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("lost")

    async with serving(fails) as running:
        got = await running.ask(GET)
        assert running.state.refused["app_failure"] == 1
    assert got.startswith(b"HTTP/1.1 500 ")
    assert [r.exc_info[1].args for r in caplog.records if r.exc_info and r.exc_info[1]] == [("lost",)]


async def test_an_exception_in_a_stream_cuts_it() -> None:
    """No terminating chunk: the client can tell."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"one", more=True))
        raise LookupError("lost")

    async with serving(fails) as running:
        got = await running.ask(GET)
    assert got.endswith(b"3\r\none\r\n")


async def test_returning_without_an_answer_is_500() -> None:
    """So is a head without its promised body."""
    assert (await reply()).startswith(b"HTTP/1.1 500 ")
    assert (await reply(start((b"content-length", b"5")))).startswith(b"HTTP/1.1 500 ")


async def test_a_cancelled_request_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever cancelled it knows."""

    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async with serving(cancelled) as running:
        await running.ask(GET)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_receive_after_the_answer_is_a_disconnect() -> None:
    """An application that reads on hears that the request is over."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)
        seen.append((await receive())["type"])

    async with serving(app) as running:
        await running.ask(GET)
    assert seen == ["http.disconnect"]


async def test_receive_waiting_while_the_answer_completes() -> None:
    """A listener of its own, as Starlette's StreamingResponse has, is released by the end of the answer."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)

        async def listen() -> None:
            seen.append((await receive())["type"])

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            await asyncio.sleep(0)
            await answer(send)

    async with serving(app) as running:
        await running.ask(GET)
    assert seen == ["http.disconnect"]


async def test_an_empty_body_is_one_message() -> None:
    """`more_body` False, at once."""
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        await answer(send)

    async with serving(app) as running:
        await running.ask(GET)
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}]


async def test_tasks_are_forgotten_when_they_end() -> None:
    """Nothing is kept of a request once it is answered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)

    async with serving(app) as running, await running.connect() as raw:
        for _ in range(3):
            raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await raw.response()
        await eventually(lambda: not running.state.tasks)


def test_headers_may_be_any_iterable() -> None:
    """As ASGI says; a generator is one."""

    def headers() -> Iterable[tuple[bytes, bytes]]:
        yield b"content-length", b"0"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers()})
        await send(body())

    async def run() -> bytes:
        async with serving(app) as running:
            return await running.ask(GET)

    assert b"content-length: 0" in asyncio.run(run())


class AtOnce:
    """Answers past the messages of ASGI, as the pipeline does."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.bodies: list[bytes | None] = []
        self.answered: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = scope[DISCONNECT_KEY]
        self.bodies.append(cycle.whole_body())
        self.answered.append(cycle.answer(200, b"x-a: b\r\n", self.data))
        if not self.answered[-1]:
            await answer(send, self.data)


@pytest.mark.parametrize("size", [0, 5, 100_000])
async def test_a_whole_answer_at_once(size: int) -> None:
    """Head, length and body in one go, whatever its size; the connection stays open for the next."""
    app = AtOnce(b"x" * size)
    async with serving(app) as running:
        got = await running.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + GET)
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert got.count(b"x-a: b\r\ncontent-length: %d\r\n" % size) + got.count(b"x-a: b\r\nconnection: close\r\n") == 2
    assert got.endswith(b"\r\n\r\n" + app.data)
    assert app.bodies == [b"hi", b""]
    assert app.answered == [True, True]


async def test_what_cannot_go_out_at_once_is_left_to_messages() -> None:
    """The answer to a HEAD has no body."""
    app = AtOnce(b"hello")
    async with serving(app) as running:
        got = await running.ask(HEAD)
    assert app.answered == [False]
    assert got.endswith(b"\r\n\r\n")


async def test_pieces_at_once() -> None:
    """A stream's pieces past the messages of ASGI are chunks like the others."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"one", more=True))
        assert scope[DISCONNECT_KEY].write(b"two") is True
        await send(body(b""))

    async with serving(app) as running:
        got = await running.ask(GET)
    assert got.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
