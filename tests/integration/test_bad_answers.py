"""Answers of providers that break their own schema, at every generation door: 502 in the door's error shape, or in-band once a stream has
begun; never a 500, never a stream that hangs or claims to be whole.

Each dialect's provider is asked through its own door (its answer passes) and through all others (it is translated). What passes is read
only as far as the gateway must know it; what it never reads (a text's delta) goes on to the client as the provider sent it.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any
from zlib import crc32

import httpx2
import pytest

from proxy.codecs.eventstream import event_frame
from tests.support.doors import DOORS, content_at, ending, one_each, refusal, stream_events, stream_type, whole_answer
from tests.support.eventually import PATIENT_S
from tests.support.gateway import Running, running
from tests.support.upstream import Call, Handler, Upstream, json_answer

pytestmark = pytest.mark.allow_tasks("the gateway stands outside of the test, with its connections to the upstream")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


@pytest.fixture
async def edge(upstream: Upstream) -> AsyncIterator[Running]:
    async with running(one_each(upstream.url)) as started:
        yield started


async def ask(edge: Running, door: str, dialect: str, *, stream: bool = False) -> httpx2.Response:
    """Through `door`, the provider that speaks `dialect`."""
    path, body = DOORS[door].ask(DOORS[dialect].provider, stream=stream)
    async with asyncio.timeout(PATIENT_S):
        return await edge.client.post(path, json=body)


def is_broken(door: str, answer: httpx2.Response, says: str) -> None:
    told = refusal(door, answer)
    assert answer.status_code == 502, told
    assert says in told
    assert answer.headers["x-llm-edge-error-source"] == "provider"


TOO_DEEP = b"[" * 1_000_000 + b"]" * 1_000_000
"""For any Python: a thousand levels are for 3.11, some ten thousand for 3.12 and 3.13; then the size of the stack decides."""

NO_ANSWER: dict[str, Callable[[bytes], bytes]] = {
    "HTML": lambda whole: b"<!doctype html><html><body>Bad gateway</body></html>",
    "nothing": lambda whole: b"",
    "null": lambda whole: b"null",
    "an array": lambda whole: b"[" + whole + b"]",
    "a string": lambda whole: b'"ok"',
    "an empty object": lambda whole: b"{}",
    "half of it": lambda whole: whole[: len(whole) // 2],
    "not UTF-8": lambda whole: whole.rstrip()[:-1] + b',"zz":"\xff"}',
    "NaN": lambda whole: whole.rstrip()[:-1] + b',"zz":NaN}',
    "too many levels": lambda whole: whole.rstrip()[:-1] + b',"zz":' + TOO_DEEP + b"}",
    "events": lambda whole: b'data: {"x": 1}\n\ndata: [DONE]\n\n',
}


@pytest.mark.parametrize("case", list(NO_ANSWER))
@pytest.mark.parametrize("dialect", list(DOORS))
async def test_what_is_no_answer(upstream: Upstream, edge: Running, dialect: str, case: str) -> None:
    """With status 200, and whatever content type it claims."""
    for media in ("application/json", "text/html", "text/event-stream"):
        upstream.on(json_answer(NO_ANSWER[case](whole_answer(dialect)), headers={"content-type": media}))
        for door in DOORS:
            is_broken(door, await ask(edge, door, dialect), "breaks its own schema")


@pytest.mark.parametrize("levels", [200, 900, 5000])
@pytest.mark.parametrize("dialect", list(DOORS))
async def test_what_nests_where_nothing_is_read(upstream: Upstream, edge: Running, dialect: str, levels: int) -> None:
    """Deeper than bodies are written, and than some versions of Python read: it is passed on, left out or refused; no internal error."""
    nested = b"[" * levels + b"]" * levels
    whole = whole_answer(dialect)
    for spoilt_one in (whole.rstrip()[:-1] + b',"zz":' + nested + b"}", whole.replace(b'"role"', b'"zz":' + nested + b',"role"', 1)):
        upstream.on(json_answer(spoilt_one))
        for door in DOORS:
            answer = await ask(edge, door, dialect)
            if answer.status_code != 200:
                is_broken(door, answer, "breaks its own schema")


CULPRITS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "chat": (("choices",), ("choices", 0), ("choices", 0, "message")),
    "completions": (("choices",), ("choices", 0)),
    "responses": (("output",), ("output", 0)),
    "messages": (("content",), ("content", 0), ("type",), ("usage",)),
    "converse": (("output",), ("output", "message"), ("output", "message", "content"), ("stopReason",)),
    "gemini": (("candidates",), ("candidates", 0)),
}
"""What an answer cannot be without."""


def spoilt(dialect: str, place: tuple[Any, ...], value: Any) -> bytes:
    body = json.loads(whole_answer(dialect))
    node = body
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return json.dumps(body).encode()


@pytest.mark.parametrize("value", [None, 5, "x", True])
@pytest.mark.parametrize(("dialect", "place"), [(dialect, place) for dialect, places in CULPRITS.items() for place in places])
async def test_what_is_missing_or_of_another_type(
    upstream: Upstream, edge: Running, dialect: str, place: tuple[Any, ...], value: Any
) -> None:
    """Is named, in both lanes."""
    if isinstance(value, str) and place in (("stopReason",), ("type",)):
        return
    upstream.on(json_answer(spoilt(dialect, place, value)))
    for door in DOORS:
        is_broken(door, await ask(edge, door, dialect), str(place[0]))


@pytest.mark.parametrize("dialect", list(DOORS))
async def test_an_answer_that_breaks_off(upstream: Upstream, edge: Running, dialect: str) -> None:
    """Before its length, or in the middle of its chunks."""
    whole = whole_answer(dialect)

    async def short(call: Call) -> None:
        await call.head(200, {"content-type": "application/json", "content-length": str(len(whole) + 10)})
        await call.raw(whole)
        call.close()

    async def chunks(call: Call) -> None:
        await call.head(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
        await call.chunk(whole)
        call.close()

    for handler in (short, chunks):
        upstream.on(handler)
        for door in DOORS:
            is_broken(door, await ask(edge, door, dialect), "failed (body)")


def streaming(dialect: str, *pieces: bytes, media: str | None = None, cut: bool = False) -> Handler:
    """A stream of these bytes. `cut`: its body has no end."""

    async def handle(call: Call) -> None:
        await call.head(200, {"content-type": media or stream_type(dialect), "transfer-encoding": "chunked"})
        for piece in pieces:
            await call.chunk(piece)
        if cut:
            call.close()
        else:
            await call.end_stream()

    return handle


def said(dialect: str, data: bytes) -> bytes:
    """An event of the kind that carries text."""
    if dialect == "converse":
        return event_frame("contentBlockDelta", data)
    kinds = {"messages": b"event: content_block_delta\n", "responses": b"event: response.output_text.delta\n"}
    return kinds.get(dialect, b"") + b"data: " + data + b"\n\n"


@pytest.mark.parametrize("dialect", list(DOORS))
async def test_what_is_no_stream(upstream: Upstream, edge: Running, dialect: str) -> None:
    """A page, a whole answer, nothing at all: the client is told what came instead."""
    page, whole = b"<html><body>Bad gateway</body></html>", whole_answer(dialect)
    for body, media in ((page, "text/html"), (whole, "application/json; charset=utf-8"), (b"", "text/plain")):
        upstream.on(streaming(dialect, *([body] if body else []), media=media))
        for door in DOORS:
            frames = dialect == "converse" and body
            is_broken(door, await ask(edge, door, dialect, stream=True), "checksum" if frames else media.partition(";")[0])
    upstream.on(streaming(dialect))
    for door in DOORS:
        is_broken(door, await ask(edge, door, dialect, stream=True), "without its terminal event")


@pytest.mark.parametrize("dialect", list(DOORS))
async def test_a_stream_where_an_answer_was_asked_for(upstream: Upstream, edge: Running, dialect: str) -> None:
    """Is no answer."""
    upstream.on(streaming(dialect, *stream_events(dialect)))
    for door in DOORS:
        is_broken(door, await ask(edge, door, dialect), "breaks its own schema")


NO_EVENT: dict[str, bytes] = {
    "no JSON": b"{oops",
    "null": b"null",
    "an array": b"[]",
    "a number": b"5",
    "not UTF-8": b'{"choices":[{"index":0,"delta":{"content":"\xff"}}],"delta":"\xff","type":"\xff","candidates":"\xff"}',
    "too many levels": b'{"a":' + TOO_DEEP + b"}",
    "wrong types": b'{"choices":5,"type":5,"index":0,"delta":5,"contentBlockIndex":0,"candidates":5}',
}
_UNREAD = {"messages", "responses"}
"""Passing deltas of these say all that the gateway must know by their event's name."""


@pytest.mark.parametrize("case", list(NO_EVENT))
@pytest.mark.parametrize("dialect", list(DOORS))
async def test_an_event_that_is_none(upstream: Upstream, edge: Running, dialect: str, case: str) -> None:
    """As the first one: 502. What passes without being read is the client's to read."""
    upstream.on(streaming(dialect, said(dialect, NO_EVENT[case]), *stream_events(dialect)))
    for door in DOORS:
        answer = await ask(edge, door, dialect, stream=True)
        if door == dialect and (dialect in _UNREAD or (dialect, case) == ("completions", "not UTF-8")):
            assert answer.status_code in (200, 502)
            continue
        is_broken(door, answer, "breaks its own schema")


class Held:
    """A stream that goes on once the client has had its beginning."""

    def __init__(self, dialect: str, *rest: bytes, cut: bool = False) -> None:
        events = stream_events(dialect)
        self._first, self._rest = b"".join(events[: content_at(dialect)]), rest
        self._dialect, self._cut = dialect, cut
        self.go_on = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        await call.head(200, {"content-type": stream_type(self._dialect), "transfer-encoding": "chunked"})
        await call.chunk(self._first)
        await self.go_on.wait()
        for piece in self._rest:
            await call.chunk(piece)
        if self._cut:
            call.close()
        else:
            await call.end_stream()


async def heard(edge: Running, door: str, dialect: str, upstream: Upstream, held: Held) -> bytes:
    """All that the client gets of such a stream, which it begins to read before the rest is sent."""
    upstream.on(held)
    path, body = DOORS[door].ask(DOORS[dialect].provider, stream=True)
    got = b""
    async with asyncio.timeout(PATIENT_S), edge.client.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_raw():
            got += piece
            held.go_on.set()
    return got


def lying(frame: bytes, more: int) -> bytes:
    """A frame that says it is `more` bytes longer, with a checksum that fits what it says."""
    total, headers = struct.unpack(">II", frame[:8])
    prelude = struct.pack(">II", total + more, headers)
    return prelude + struct.pack(">I", crc32(prelude)) + frame[12:]


def flipped(frame: bytes, at: int) -> bytes:
    copy = bytearray(frame)
    copy[at] ^= 1
    return bytes(copy)


def breaks(dialect: str) -> dict[str, tuple[list[bytes], bool]]:
    """How a stream that has begun can go wrong: (what comes then, whether the body is cut off)."""
    rest = stream_events(dialect)[content_at(dialect) :]
    half = rest[0][: len(rest[0]) // 2]
    found: dict[str, tuple[list[bytes], bool]] = {
        "ends early": ([], False),
        "is cut off": ([], True),
        "ends within an event": ([half], False),
        "is cut off within an event": ([half], True),
    }
    if dialect not in _UNREAD:
        found["is no JSON"] = ([said(dialect, b"{oops"), *rest], False)
        found["has wrong types"] = ([said(dialect, NO_EVENT["wrong types"]), *rest], False)
    if dialect == "converse":
        frame = said(dialect, b'{"contentBlockIndex":0,"delta":{"text":"more"}}')
        found["has a wrong prelude checksum"] = ([flipped(frame, 9), *rest], False)
        found["has a wrong checksum"] = ([flipped(frame, -1), *rest], False)
        found["is a byte short"] = ([lying(frame, -1), *rest], False)
        found["claims more than there is"] = ([lying(frame, 100_000)], False)
        found["claims two gigabytes"] = ([lying(frame, 2**31), *rest], False)
    else:
        found["ends within a character"] = ([said(dialect, '{"text":"é'.encode())[:-3]], False)
        found["has an endless event"] = ([b"data: " + b"x" * 4_500_000], False)
    return found


@pytest.mark.parametrize(("dialect", "how"), [(dialect, how) for dialect in DOORS for how in breaks(dialect)])
async def test_a_stream_that_breaks_after_its_beginning(upstream: Upstream, edge: Running, dialect: str, how: str) -> None:
    """Ends in-band with an error of the client's dialect, and nothing that says it was whole."""
    pieces, cut = breaks(dialect)[how]
    for door in DOORS:
        got = await heard(edge, door, dialect, upstream, Held(dialect, *pieces, cut=cut))
        assert ending(door, got) == "error", got[-300:]
    await edge.idle()


@pytest.mark.parametrize("dialect", list(DOORS))
async def test_the_samples_themselves_are_sound(upstream: Upstream, edge: Running, dialect: str) -> None:
    """Else nothing above would mean anything."""
    upstream.on(json_answer(whole_answer(dialect)))
    for door in DOORS:
        assert (await ask(edge, door, dialect)).status_code == 200
    for door in DOORS:
        rest = stream_events(dialect)[content_at(dialect) :]
        assert ending(door, await heard(edge, door, dialect, upstream, Held(dialect, *rest))) == "whole"


async def test_half_a_frame_after_the_end_is_no_failure(upstream: Upstream, edge: Running) -> None:
    """All content was there and `messageStop` with it; only the usage is estimated then."""
    *events, last = stream_events("converse")
    upstream.on(streaming("converse", *events, lying(last, 4000)))
    for door in DOORS:
        assert ending(door, (await ask(edge, door, "converse", stream=True)).content) == "whole"
