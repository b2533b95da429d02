"""Many streams at once. The upstream writes `@` and its monotonic clock (16 digits of nanoseconds) into each chunk's text: the way
from its write to our read is measured chunk by chunk, through whatever re-encodes the events."""

import asyncio
import re
import time
from array import array
from collections.abc import Callable
from typing import cast

from benchmarks.load.answers import BadAnswer, read_head
from benchmarks.load.jobs import Job, Outcome
from benchmarks.stats import summary_us

_STAMP = re.compile(rb"@(\d{16})")
_TAIL = 17
"""Bytes of a stamp: what may be cut off at the end of a read."""


class Stream(asyncio.Protocol):
    """One request and its stream. `on_end(reason)`: empty when `[DONE]` was seen."""

    def __init__(self, latencies: "array[int]", on_end: Callable[["Stream", str], None]) -> None:
        self._latencies = latencies
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._rest = b""
        self._in_head = True
        self._over = False
        self.sent_ns = 0
        self.first_ns = 0
        self.chunks = 0

    def ask(self, request: bytes) -> None:
        self.sent_ns = time.monotonic_ns()
        if self._transport is not None:
            self._transport.write(request)

    def close(self) -> None:
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self._in_head:
            rest = self._take_head(data)
            if rest is None:
                return
            data = rest
        if self._rest:
            data = self._rest + data
        end = 0
        for found in _STAMP.finditer(data):
            self._latencies.append(now - int(found[1]))
            self.chunks += 1
            end = found.end()
        if self.chunks and not self.first_ns:
            self.first_ns = now
        self._rest = data[max(end, len(data) - _TAIL) :]
        if b"[DONE]" in data:
            self._end("")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(repr(exc) if exc else "ended without [DONE]")

    def _take_head(self, data: bytes) -> bytes | None:
        """What follows the head, or None while it is not whole or when it says no."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return None
        try:
            status, _ = read_head(self._head, end)
        except BadAnswer as exc:
            self._end(str(exc))
            return None
        if status != 200:
            self._end(f"status {status}: {self._head[end + 4 : end + 204].decode('utf-8', 'replace')}")
            return None
        self._in_head = False
        return self._head[end + 4 :]

    def _end(self, reason: str) -> None:
        if not self._over:
            self.close()
            self._on_end(self, reason)


class Streams:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._target = job.targets[0]
        self._outcome = Outcome()
        self._latencies = array("q")
        self._first: list[int] = []
        self._left = job.requests
        self._streams: list[Stream] = []
        self._done = asyncio.Event()

    async def run(self) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        for _ in range(self._job.requests):
            made = await loop.create_connection(lambda: Stream(self._latencies, self._ended), self._target.host, self._target.port)
            self._streams.append(made[1])
        begin = time.monotonic_ns()
        requests = self._target.requests()
        gap_s = self._job.ramp_s / self._job.requests
        for i, stream in enumerate(self._streams):
            loop.call_later(i * gap_s, stream.ask, next(requests))
        try:
            await asyncio.wait_for(self._done.wait(), self._job.max_s)
        except TimeoutError:
            self._outcome.cut = True
        self._outcome.seconds = (time.monotonic_ns() - begin) / 1e9
        for stream in self._streams:
            stream.close()
        self._outcome.chunks = len(self._latencies)
        self._outcome.latency = summary_us([stream.first_ns - stream.sent_ns for stream in self._streams if stream.first_ns])
        self._outcome.chunk_latency = summary_us(self._latencies)
        return [self._outcome]

    def _ended(self, stream: Stream, reason: str) -> None:
        if reason:
            self._outcome.fault(reason)
        else:
            self._outcome.requests += 1
        self._left -= 1
        if not self._left:
            self._done.set()
