"""The load of the fault bench: an open loop of whole answers and streams, each followed to its end.

Arrivals are exponentially spaced and seeded, and which requests are streams is seeded, too. Latency counts from when a request was due.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from random import Random

import msgspec

from benchmarks.faults.reading import StreamReading, Verdict, judge_whole
from benchmarks.load.answers import BadAnswer, read_head
from benchmarks.load.open import schedule
from benchmarks.load.timer import PreciseTimer

_IDLE_NS = 2_000_000_000
"""A connection that rested longer is not used again: the other side may be closing it."""
_LEAD_NS = 20_000_000
_TRIES = re.compile(rb"\r\nx-llm-edge-attempts:\s*(\d+)")


class Load(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    rate: float
    """A second."""
    stream_share: float = 0.5
    seed: int = 1
    limit_s: float = 10.0
    """What has no end after so long is given up."""
    odd_word: str = ""
    """Stands in every other request's message."""

    @property
    def span_s(self) -> float:
        """From the first to the last arrival, about."""
        return self.requests / self.rate


class Door(msgspec.Struct, frozen=True):
    """Where requests go."""

    port: int
    model: str = "bench"
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()


class Asked(msgspec.Struct):
    """What one request came to. Times in ns of the monotonic clock; 0: did not happen."""

    request: str
    stream: bool
    due_ns: int
    first_ns: int = 0
    """First content (streams), or first byte of a good whole answer."""
    ended_ns: int = 0
    status: int = 0
    verdict: Verdict = "no end"
    detail: str = ""
    tries: int = 0
    """As `x-llm-edge-attempts` tells them; 0: it does not."""


def request_name(seed: int, number: int) -> str:
    return f"r{seed}-{number:05d}"


def body_of(name: str, load: Load, model: str, number: int, stream: bool) -> bytes:
    text = f"[ask {name}] Say something." + (f" About {load.odd_word}." if load.odd_word and number % 2 else "")
    fields: dict[str, object] = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    if stream:
        fields["stream"] = True
    return json.dumps(fields, separators=(",", ":")).encode()


class _Link:
    """A connection to the system under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.rests_since_ns = 0

    @property
    def usable(self) -> bool:
        return time.monotonic_ns() - self.rests_since_ns < _IDLE_NS and not self.reader.at_eof() and not self.writer.is_closing()

    def drop(self) -> None:
        self.writer.transport.abort()


class Client:
    def __init__(self, door: Door, load: Load, on_progress: Callable[[int], None] = lambda done: None) -> None:
        self._door = door
        self._load = load
        self._on_progress = on_progress
        self._idle: list[_Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_sent = asyncio.Event()
        self._ended = 0

    async def run(self) -> list[Asked]:
        """In the order of arrival."""
        load = self._load
        rng = Random(f"streams/{load.seed}")
        due = schedule(load.requests, load.rate, load.seed)
        begin = time.monotonic_ns() + _LEAD_NS
        asked = [Asked(request_name(load.seed, i), rng.random() < load.stream_share, begin + after) for i, after in enumerate(due, start=1)]
        sent = 0

        def tick() -> None:
            nonlocal sent
            while sent < len(asked) and asked[sent].due_ns <= time.monotonic_ns():
                task = asyncio.ensure_future(self._follow(asked[sent], sent))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                sent += 1
            if sent < len(asked):
                timer.arm(asked[sent].due_ns)
            else:
                self._all_sent.set()

        timer = PreciseTimer(tick)
        try:
            timer.arm(asked[0].due_ns)
            await self._all_sent.wait()
            await asyncio.gather(*self._tasks)
        finally:
            timer.close()
            for task in self._tasks:
                task.cancel()
            for link in self._idle:
                link.drop()
        return asked

    async def _follow(self, one: Asked, number: int) -> None:
        link: _Link | None = None
        try:
            async with asyncio.timeout(self._load.limit_s):
                link = await self._link()
                await self._exchange(link, one, number)
        except TimeoutError:
            one.verdict = "no end"
        except (OSError, EOFError, BadAnswer, ValueError) as exc:
            one.detail = f"{type(exc).__name__} {exc}"
            if one.verdict == "no end":
                one.verdict = "cut"
        finally:
            one.ended_ns = time.monotonic_ns()
            if link is not None and link not in self._idle:
                link.drop()
        self._ended += 1
        self._on_progress(self._ended)

    async def _link(self) -> _Link:
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
            link.drop()
        return _Link(*await asyncio.open_connection("127.0.0.1", self._door.port))

    async def _exchange(self, link: _Link, one: Asked, number: int) -> None:
        body = body_of(one.request, self._load, self._door.model, number, one.stream)
        lines = [f"POST {self._door.path} HTTP/1.1", f"Host: 127.0.0.1:{self._door.port}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self._door.headers]
        link.writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
        raw = await link.reader.readuntil(b"\r\n\r\n")
        one.status, head = read_head(raw, len(raw) - 4)
        if (told := _TRIES.search(head)) is not None:
            one.tries = int(told[1])
        if b"text/event-stream" in head and one.status == 200:
            await self._read_stream(link, one, head)
        else:
            content = b"".join([piece async for piece in pieces(link.reader, head)])
            one.verdict = judge_whole(one.status, content, one.request)
            if one.verdict == "ok":
                one.first_ns = time.monotonic_ns()
            else:
                one.detail = content[:200].decode("utf-8", "replace")
        if b"connection: close" not in head:
            link.rests_since_ns = time.monotonic_ns()
            self._idle.append(link)

    async def _read_stream(self, link: _Link, one: Asked, head: bytes) -> None:
        reading = StreamReading(one.request)
        try:
            async for piece in pieces(link.reader, head):
                reading.feed(piece)
                if reading.begun and not one.first_ns:
                    one.first_ns = time.monotonic_ns()
        except (OSError, EOFError):
            verdict = reading.judge()
            one.verdict = "cut" if verdict in ("ok", "continued") else verdict
            raise
        one.verdict = reading.judge()


async def pieces(reader: asyncio.StreamReader, head: bytes) -> AsyncIterator[bytes]:
    """The body, as it comes. Raises EOFError where it ends too early."""
    at = head.find(b"content-length:")
    if at >= 0:
        yield await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
        return
    if b"transfer-encoding: chunked" not in head:
        while piece := await reader.read(65536):
            yield piece
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        piece = await reader.readexactly(size + 2)
        yield piece[:-2]
    await reader.readuntil(b"\r\n")
