"""What is not plain HTTP/1.1 is refused before an application sees it (contract K's smuggling forms)."""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from proxy.serving.limits import ConnectionLimits
from tests.support.eventually import eventually
from tests.support.serving import answer, echo, read_all, serving

HOST = b"Host: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"

REFUSED: dict[str, tuple[int, bytes]] = {
    "both lengths": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n" + END),
    "both lengths, the other way": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"Content-Length: 5\r\n\r\n" + END),
    "two lengths": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
    "a list of lengths": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4, 4\r\n\r\nabcd"),
    "a signed length": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +4\r\n\r\nabcd"),
    "no length's value": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n"),
    "a length beyond 64 bits": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "a folded header": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n"),
    "a folded coding": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END),
    "a bare CR": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n"),
    "a bare LF": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\nY: b\r\n\r\n"),
    "a NUL": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n"),
    "space before the colon": (400, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 4\r\n\r\nabcd"),
    "no Host": (400, b"GET / HTTP/1.1\r\nX: a\r\n\r\n"),
    "two Hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "two Hosts in HTTP/1.0": (400, b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n"),
    "chunked in HTTP/1.0": (400, b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n" + END),
    "another coding": (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END),
    "an unknown coding": (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n" + END),
    "chunked twice": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + CHUNKED + b"\r\n" + END),
    "a chunk size in C's hex": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0x4\r\nabcd\r\n" + END),
    "a chunk size beyond 64 bits": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n10000000000000004\r\nabcd\r\n" + END),
    "a chunk longer than its size": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n4\r\nabcdX\r\n" + END),
    "HTTP/0.9": (505, b"GET /\r\n\r\n"),
    "HTTP/2.0 as a version": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/2's preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "CONNECT": (400, b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an unknown method": (400, b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "bytes beyond ASCII in the path": (400, "GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
    "TLS on a plain port": (400, bytes.fromhex("16030100c8010000c40303") + bytes(64)),
    "101 headers": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 100 + b"\r\n"),
    "a head over 64 KB": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 66000 + b"\r\n\r\n"),
    "a head over 64 KB without an end": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 300000),
    "a target over 64 KB": (431, b"GET /" + b"a" * 66000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "trailers without an end": (400, b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0\r\nX: " + b"a" * 300000),
}


@pytest.mark.parametrize("form", REFUSED)
async def test_refused(form: str) -> None:
    """Each form gets its status, an OpenAI-shaped body and a closed connection, and is counted."""
    status, request = REFUSED[form]
    async with serving(echo) as running:
        reply = await running.ask(request)
        head, _, body = reply.partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status
        assert b"connection: close" in head
        assert json.loads(body)["error"]["type"] == ("server_error" if status >= 500 else "invalid_request_error")
        assert running.state.refused.total() == 1


@pytest.mark.parametrize("form", ["both lengths", "no Host", "101 headers", "another coding"])
async def test_refused_before_the_application(form: str) -> None:
    """No application hears of it."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await answer(send)

    async with serving(app) as running:
        await running.ask(REFUSED[form][1])
    assert seen == []


@pytest.mark.parametrize("form", [form for form, (_, request) in REFUSED.items() if len(request) < 300])
async def test_refused_however_it_is_cut(form: str) -> None:
    """The same verdict when every byte comes by itself."""
    status, request = REFUSED[form]
    async with serving(echo) as running, await running.connect() as raw:
        for byte in request:
            raw.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await raw.rest()).startswith(b"HTTP/1.1 %d " % status)


async def test_an_early_refusal_waits_for_the_answer_before_it() -> None:
    """A bad request behind a good one does not get its answer in the other's place."""
    async with serving(echo) as running:
        reply = await running.ask(b"GET /one HTTP/1.1\r\n" + HOST + b"\r\nGET / HTTP/1.1\r\n\r\n")
        first, _, rest = reply.partition(b"/one|")
        assert first.startswith(b"HTTP/1.1 200 ")
        assert rest.startswith(b"HTTP/1.1 400 ")


async def test_a_bad_body_in_the_queue_is_refused_in_its_turn() -> None:
    """A request whose chunks break while it waits behind another is answered after that one, with 400."""
    async with serving(echo) as running:
        reply = await running.ask(b"GET /one HTTP/1.1\r\n" + HOST + b"\r\nPOST /two HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\nzz\r\n")
        assert reply.count(b"HTTP/1.1 200 ") == 1
        assert reply.count(b"HTTP/1.1 400 ") == 1
        assert reply.index(b"HTTP/1.1 200 ") < reply.index(b"HTTP/1.1 400 ")


async def test_a_bad_body_ends_the_application_s_reading() -> None:
    """An application in the middle of a body that turns out broken sees a disconnect, the client 400."""
    outcome: list[str] = []

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await read_all(receive)
        except ConnectionError:
            outcome.append("left")

    async with serving(reading) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n4\r\nabcd\r\n")
        await eventually(lambda: bool(running.state.tasks))
        raw.send(b"zz\r\n")
        assert (await raw.rest()).startswith(b"HTTP/1.1 400 ")
    assert outcome == ["left"]


async def test_a_bad_body_after_the_answer_began_cuts_it() -> None:
    """With half an answer out there is no other status to give: the connection ends."""
    async with serving(_answer_then_read) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n4\r\nabcd\r\n")
        await raw.head()
        raw.send(b"zz\r\n")
        rest = await raw.rest()
        assert b"HTTP/1.1" not in rest
        assert not rest.endswith(END)


async def _answer_then_read(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_trailers_never_become_headers() -> None:
    """Fields behind the last chunk are dropped, for this request and the next on the connection."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        seen.append(list(scope["headers"]))
        await answer(send)

    async with serving(app) as running, await running.connect() as raw:
        raw.send(b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n4\r\nabcd\r\n0\r\nAuthorization: evil\r\nHost: evil\r\n\r\n")
        await raw.response()
        raw.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await raw.response()
    assert [[name for name, _ in headers] for headers in seen] == [[b"host", b"transfer-encoding"], [b"host"]]


@pytest.mark.parametrize("target", [b"http://other/path?q=1", b"/path?q=1", b"/path?q=1#fragment"])
async def test_forms_of_the_target(target: bytes) -> None:
    """Origin and absolute form name the same path; a fragment, which no client should send, is cut."""
    seen: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["path"], scope["query_string"]))
        await answer(send)

    async with serving(app) as running, await running.connect() as raw:
        raw.send(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await raw.response())[0] == 200
    assert seen == [("/path", b"q=1")]


async def test_asterisk_target() -> None:
    """`OPTIONS *` reaches the application as it is."""
    async with serving(echo) as running, await running.connect() as raw:
        raw.send(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await raw.response())[2] == b"*|"


async def test_percent_encoded_path() -> None:
    """`path` is decoded, `raw_path` is as sent."""
    seen: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["path"], scope["raw_path"]))
        await answer(send)

    async with serving(app) as running, await running.connect() as raw:
        raw.send(b"GET /a%3Ab%2Fc HTTP/1.1\r\n" + HOST + b"\r\n")
        await raw.response()
    assert seen == [("/a:b/c", b"/a%3Ab%2Fc")]


@pytest.mark.parametrize("cut", [None, 90, 110])
async def test_an_upgrade_is_an_ordinary_request(cut: int | None) -> None:
    """The application sees the header and the body; the answer ends the connection, and what was pipelined behind is not parsed."""
    head = b"POST /up HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\n"
    seen: list[list[bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append([name for name, _ in scope["headers"]])
        await echo(scope, receive, send)

    async with serving(app) as running, await running.connect() as raw:
        request = head + b"abcd"
        raw.send(request[:cut])
        if cut is not None:
            await eventually(lambda: bool(running.state.open))
            raw.send(request[cut:])
        reply = await raw.rest()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.endswith(b"/up|abcd")
    assert b"connection: close" in reply
    assert b"upgrade" in seen[0]


async def test_a_websocket_upgrade_reaches_the_application_as_http() -> None:
    """There is no WebSocket protocol here: the application answers (501) as it answers any request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await answer(send, status=501 if dict(scope["headers"]).get(b"upgrade") == b"websocket" else 200)

    async with serving(app) as running:
        reply = await running.ask(b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 501 ")


async def test_a_broken_body_behind_an_upgrade_is_refused() -> None:
    """The second parser's verdict counts as the first one's."""
    async with serving(echo) as running:
        reply = await running.ask(b"POST / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED + b"\r\nzz\r\n")
    assert reply.startswith(b"HTTP/1.1 400 ")


async def test_the_caps_are_the_limits() -> None:
    """A head of exactly the allowed count passes."""
    async with serving(echo, limits=ConnectionLimits(head_count=3)) as running, await running.connect() as raw:
        raw.send(b"GET / HTTP/1.1\r\n" + HOST + b"A: 1\r\nB: 2\r\n\r\n")
        assert (await raw.response())[0] == 200
