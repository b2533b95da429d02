"""Steady load on a gateway from the test's own loop: cheap clients on kept-alive sockets, and what each request met."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.support.eventually import PATIENT_S
from tests.support.gateway import KEY


class Outcome(msgspec.Struct, frozen=True):
    label: str
    """What the request was, in the test's words."""
    status: int
    """0: the connection broke."""
    tier: str
    """Of the cache; empty: not from the cache."""
    began: float
    """perf_counter."""
    seconds: float


Next = Callable[[], tuple[str, dict[str, Any]]]
"""The next request: its label and its JSON body."""


class Load:
    def __init__(self, url: str, following: Next) -> None:
        self.outcomes: list[Outcome] = []
        self._port = int(url.rpartition(":")[2])
        self._next = following
        self._stop = False

    async def more(self, n: int) -> list[Outcome]:
        """The next `n` outcomes from now on."""
        begin = len(self.outcomes)
        async with asyncio.timeout(PATIENT_S * 3):
            while len(self.outcomes) < begin + n:
                await asyncio.sleep(0.005)
        return self.outcomes[begin : begin + n]

    async def client(self) -> None:
        """One after the other on one connection, until told to stop."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self._stop:
                label, body = self._next()
                began = time.perf_counter()
                status, head = await _ask(reader, writer, body)
                tier = head.partition(b"x-llm-edge-cache-tier: ")[2].partition(b"\r\n")[0].decode()
                self.outcomes.append(Outcome(label, status, tier, began, time.perf_counter() - began))
                if status == 0:
                    return
        finally:
            writer.close()

    def stop(self) -> None:
        self._stop = True


@asynccontextmanager
async def load(url: str, following: Next, *, clients: int) -> AsyncIterator[Load]:
    made = Load(url, following)
    running = [asyncio.ensure_future(made.client()) for _ in range(clients)]
    try:
        yield made
    finally:
        made.stop()
        await asyncio.gather(*running)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any]) -> tuple[int, bytes]:
    """(status, head); status 0 where the connection broke."""
    raw = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(raw)}\r\n\r\n"
    try:
        async with asyncio.timeout(PATIENT_S * 2):
            writer.write(head.encode() + raw)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: " in answer:
                await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        return 0, b""
    return int(answer[9:12]), answer
