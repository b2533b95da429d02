"""The clients of the fleet bench: keep-alive connections to every gateway, taken in turn as a load balancer would, each request followed to
its end and none sent twice."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from benchmarks.faults.client import pieces
from benchmarks.fleet.bill import MAX_TOKENS
from benchmarks.load.answers import BadAnswer, read_head

LIMIT_S = 40.0
"""What has no end after so long is given up."""
_FILL = "Tell me a little about the weather of the place where you are, and of the places where you would rather be. "


class Asked(msgspec.Struct):
    """What one request came to. Times are unix seconds, as the gateways', the provider's and Redis's are: one machine, one clock."""

    mark: str
    """Its trace id, and what the provider finds in its text."""
    key: str
    """The key's name."""
    gateway: int
    sent: float
    ended: float = 0.0
    status: int = 0
    """0: no answer."""
    whole: bool = False
    detail: str = ""


class Door(msgspec.Struct, frozen=True):
    """A key, and what is asked for with it."""

    name: str
    key: str
    model: str = "bench"


def body_of(door: Door, mark: str, *, stream: bool) -> bytes:
    message = {"role": "user", "content": f"[ask {mark}] {_FILL}"}
    fields: dict[str, object] = {"model": door.model, "max_tokens": MAX_TOKENS, "messages": [message]}
    if stream:
        fields["stream"] = True
    return json.dumps(fields, separators=(",", ":")).encode()


class _Link:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()


class Crowd:
    """`ports`: of the gateways; one that refuses connections is passed over. Everything that was asked stands in `asked`."""

    def __init__(self, ports: Sequence[int], seed: int) -> None:
        self.ports = list(ports)
        self.asked: list[Asked] = []
        self.statuses: Counter[int] = Counter()
        self.in_flight = 0
        self._seed = seed
        self._count = 0
        self._idle: list[list[_Link]] = [[] for _ in ports]

    async def pace(self, door: Door, clients: int, rate: float, until: asyncio.Event) -> None:
        """So many clients, each with its place in an even beat of `rate` a second together; one that is late waits for no one."""
        begin = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for i in range(clients):
                group.create_task(self._beat(door, begin + i / rate, clients / rate, until))

    async def at_once(self, door: Door, requests: int, clients: int) -> list[Asked]:
        """As fast as so many clients get their answers."""
        left = iter(range(requests))
        found: list[Asked] = []

        async def one() -> None:
            for _ in left:
                found.append(await self.ask(door))

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(one())
        return found

    async def ask(self, door: Door) -> Asked:
        self._count += 1
        number = self._count
        asked = Asked(f"{self._seed:08x}{number:024x}", door.name, number % len(self.ports), time.time())
        self.asked.append(asked)
        self.in_flight += 1
        try:
            async with asyncio.timeout(LIMIT_S):
                link = await self._link(asked)
                await self._exchange(link, door, asked, stream=number % 4 == 0)
        except (OSError, EOFError, BadAnswer, ValueError, TimeoutError) as exc:
            asked.detail = f"{type(exc).__name__} {exc}"[:200]
        finally:
            asked.ended = time.time()
            self.in_flight -= 1
        self.statuses[asked.status if asked.whole else 0] += 1
        return asked

    def close(self) -> None:
        for links in self._idle:
            for link in links:
                link.writer.transport.abort()
            links.clear()

    async def _beat(self, door: Door, due: float, every_s: float, until: asyncio.Event) -> None:
        while not until.is_set():
            wait_s = due - time.monotonic()
            if wait_s > 0:
                try:
                    async with asyncio.timeout(wait_s):
                        await until.wait()
                    return
                except TimeoutError:
                    pass
            await self.ask(door)
            due = max(due + every_s, time.monotonic() - every_s)

    async def _link(self, asked: Asked) -> _Link:
        """To the gateway whose turn it is, else to the next one that takes connections."""
        for _ in self.ports:
            links = self._idle[asked.gateway]
            while links:
                link = links.pop()
                if link.usable:
                    return link
                link.writer.transport.abort()
            try:
                return _Link(*await asyncio.open_connection("127.0.0.1", self.ports[asked.gateway]))
            except OSError:
                asked.gateway = (asked.gateway + 1) % len(self.ports)
        raise ConnectionRefusedError("no gateway takes connections")

    async def _exchange(self, link: _Link, door: Door, asked: Asked, *, stream: bool) -> None:
        body = body_of(door, asked.mark, stream=stream)
        lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
        lines += [f"Authorization: Bearer {door.key}", f"traceparent: 00-{asked.mark}-{asked.mark[-16:]}-01"]
        try:
            link.writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
            raw = await link.reader.readuntil(b"\r\n\r\n")
            asked.status, head = read_head(raw, len(raw) - 4)
            content = b"".join([piece async for piece in pieces(link.reader, head)])
        except BaseException:
            link.writer.transport.abort()
            raise
        good = b"[DONE]" in content if stream else asked.mark.encode() in content
        asked.whole = asked.status != 200 or good
        if asked.status != 200 or not good:
            asked.detail = content[:200].decode("utf-8", "replace")
        if b"connection: close" in head:
            link.writer.transport.abort()
        else:
            self._idle[asked.gateway].append(link)
