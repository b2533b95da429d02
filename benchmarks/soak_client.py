"""Clients of a soak: one keep-alive connection each, that is left behind where the mix says so."""

import asyncio
import random
import time
from collections import Counter, defaultdict

from benchmarks.soak_kinds import Ask, Kind, pick

_ANSWER_S = 30.0
_LEAVE_AFTER_S = 0.005


class Tally:
    """What came back, by kind, and what should not have."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.unexpected: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.done = 0

    def wrong(self, kind: Kind, what: str) -> None:
        self.unexpected[f"{kind.name}: {what}"] += 1


class Client:
    def __init__(self, port: int, key: str, tally: Tally, seed: int) -> None:
        self._port = port
        self._key = key
        self._tally = tally
        self._rng = random.Random(seed)
        self._number = seed * 10_000_000
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def work(self, count: int) -> None:
        for _ in range(count):
            kind = pick(self._rng)
            self._number += 1
            self._tally.asked[kind.name] += 1
            begin = time.monotonic()
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await self._exchange(kind, kind.make(self._number, self._rng))
            except (OSError, EOFError, TimeoutError, ValueError) as exc:
                self._tally.wrong(kind, f"{type(exc).__name__} {exc}")
                self._leave()
            self._tally.seconds[kind.name] += time.monotonic() - begin
            self._tally.done += 1
        self._leave()

    async def _exchange(self, kind: Kind, ask: Ask) -> None:
        reader, writer = await self._connected()
        writer.write(self._request(ask))
        if ask.leave == "before":
            await asyncio.sleep(_LEAVE_AFTER_S)
            self._leave()
            return
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        self._tally.statuses[f"{kind.name}: {status}"] += 1
        if status not in ask.statuses:
            self._tally.wrong(kind, f"status {status}")
        if ask.leave == "inside":
            await reader.readuntil(b"data:")
            self._leave()
            return
        body = await _body(reader, head)
        if ask.stream and status == 200 and (b"data: [DONE]" in body) is not ask.whole:
            self._tally.wrong(kind, "[DONE] is missing" if ask.whole else "[DONE] after a cut")
        if b"connection: close" in head:
            self._leave()

    def _request(self, ask: Ask) -> bytes:
        lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *ask.headers]
        if ask.key:
            lines.append(f"Authorization: Bearer {self._key}")
        return "\r\n".join([*lines, f"Content-Length: {len(ask.body)}", "", ""]).encode() + ask.body

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self._leave()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer

    def _leave(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    at = head.find(b"content-length:")
    if at >= 0:
        return await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
    pieces: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)


async def run_clients(port: int, key: str, tally: Tally, requests: int, connections: int) -> None:
    share, more = divmod(requests, connections)
    async with asyncio.TaskGroup() as group:
        for i in range(connections):
            group.create_task(Client(port, key, tally, seed=i + 1).work(share + (i < more)))
