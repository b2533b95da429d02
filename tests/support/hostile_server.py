"""An upstream that misbehaves on demand: a raw socket server whose every byte and close a test decides.

    async with HostileServer(answer(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi")) as server:
        ...  # server.url, server.requests, server.open

A behaviour is a coroutine function of one connection (`Peer`); the n-th connection gets the n-th behaviour, the last one repeats.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PATIENCE_S = 20.0
"""For what must happen but may take long on a busy machine."""
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    raw_head: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[Received]) -> None:
        self._reader = reader
        self._writer = writer
        self._seen = seen
        self.sent = 0
        """Bytes handed to the kernel or its queue."""

    async def head(self) -> Received:
        """One request's head; its body stays unread. ConnectionError when the client leaves instead."""
        try:
            raw = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as exc:
            raise ConnectionResetError("the client left") from exc
        first, *lines = raw[:-4].split(b"\r\n")
        method, target, _ = first.decode("ascii").split(" ")
        headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
        return Received(method, target, headers, b"", raw)

    async def request(self) -> Received:
        """One whole request, also noted in the server's `requests`."""
        head = await self.head()
        body = await self._reader.readexactly(int(head.header(b"content-length") or b"0"))
        received = Received(head.method, head.target, head.headers, body, head.raw_head)
        self._seen.append(received)
        return received

    async def take(self, most: int) -> int:
        """Up to `most` bytes of whatever comes, dropped; how many it were."""
        data = await self._reader.read(most)
        if not data:
            raise ConnectionResetError("the client left")
        return len(data)

    async def receive(self) -> bytes:
        """Whatever comes next; b"" when the client left."""
        return await self._reader.read(65536)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        self.sent += len(data)
        await self._writer.drain()

    async def drip(self, data: bytes) -> None:
        """One byte a packet (as far as the kernel allows), with a turn of the loop between."""
        for index in range(len(data)):
            await self.send(data[index : index + 1])
            await asyncio.sleep(0)

    def half_close(self) -> None:
        self._writer.write_eof()

    def reset(self) -> None:
        """RST instead of FIN; what was sent before may be lost, as in life."""
        linger = self._writer.get_extra_info("socket")
        linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Until the client closes; what it sends meanwhile is dropped."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass


Behaviour = Callable[[Peer], Awaitable[None]]


class HostileServer:
    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._behaviours = behaviours
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.requests: list[Received] = []
        self.peers: list[Peer] = []
        """One for each connection accepted so far."""
        self.open = 0
        """Connections that neither side has closed."""

    @property
    def accepted(self) -> int:
        return len(self.peers)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}/v1/test?q=1"

    async def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
        """Seconds until it holds. AssertionError when it does not in time."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not condition():
            assert loop.time() - start < within_s, "the condition did not come true in time"
            await asyncio.sleep(0.005)
        return loop.time() - start

    async def closed(self) -> None:
        """Until no connection is open, and the ends of those that the server closed have reached the client's kernel."""
        await self.until(lambda: self.open == 0)
        await asyncio.sleep(0.05)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls, limit=2**20)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        peer = Peer(reader, writer, self.requests)
        self.peers.append(peer)
        behaviour = self._behaviours[min(len(self.peers), len(self._behaviours)) - 1]
        try:
            await behaviour(peer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            """The client left, or the server is being closed: both end a behaviour, and asyncio.streams logs a cancelled one."""
        finally:
            writer.close()
            self.open -= 1
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await writer.wait_closed()
            self._tasks.discard(task)


def answer(*parts: bytes) -> Behaviour:
    """Each request is answered with the same bytes, part by part, on a connection that stays open."""

    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            for part in parts:
                await peer.send(part)

    return behave


def answer_each(replies: Iterable[bytes]) -> Behaviour:
    """The n-th request of a connection gets the n-th reply; then the server waits for the client to leave."""

    async def behave(peer: Peer) -> None:
        for reply in replies:
            await peer.request()
            await peer.send(reply)
        await peer.gone()

    return behave


def answer_and_close(*parts: bytes) -> Behaviour:
    """One answer, then FIN."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.send(part)

    return behave


def answer_and_reset(*parts: bytes) -> Behaviour:
    """One answer, then RST once the client had time to read it."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.send(part)
        await asyncio.sleep(0.02)
        peer.reset()

    return behave


def answer_and_stall(*parts: bytes) -> Behaviour:
    """One answer, or its beginning, then nothing until the client leaves."""
    return answer_each([b"".join(parts)])


def drip(reply: bytes) -> Behaviour:
    """Each request is answered one byte at a time."""

    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.drip(reply)

    return behave


async def reset_on_accept(peer: Peer) -> None:
    peer.reset()


async def close_on_accept(peer: Peer) -> None:
    """FIN before the request."""


async def ignore(peer: Peer) -> None:
    """Accepts, reads and never answers."""
    await peer.gone()


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port where connecting hangs: a listener whose backlog is full, so that the kernel drops each further SYN."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    port: int = listener.getsockname()[1]
    filling: list[socket.socket] = []
    try:
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            filling.append(filler)
        await asyncio.sleep(0.05)
        yield port
    finally:
        for filler in [*filling, listener]:
            filler.close()


@contextmanager
def refused_port() -> Iterator[int]:
    """A port that is bound, so that nobody else gets it, and does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
