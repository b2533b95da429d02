"""A pooler in front of Postgres that pools by transaction and knows nothing of sessions: each goes to the next of few connections.

What PgBouncer before 1.21 does, without its packages. Source: the message formats of PostgreSQL's front-end/back-end protocol 3.0.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from secrets import token_bytes
from types import TracebackType

_SSL, _GSS = 80877103, 80877104
_ASKS = b"QS"
"""A simple query and a Sync: the server answers both with ReadyForQuery."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pooler:
    """`async with Pooler(port, servers=2) as pooler:` … `pooler.port`. For servers that trust everybody, and one user of one database."""

    def __init__(self, server_port: int, *, servers: int = 2) -> None:
        self._server_port = server_port
        self._servers = servers
        self._idle: asyncio.Queue[Streams] = asyncio.Queue()
        self._opened = 0
        self._greeting: list[tuple[bytes, bytes]] = []
        self._first = asyncio.Lock()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def __aenter__(self) -> "Pooler":
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()
        for writer in self._writers:
            writer.close()
        await self._listener.wait_closed()

    def url(self, url: str, server_port: int) -> str:
        """That of the server, by way of the pooler."""
        return url.replace(f":{server_port}/", f":{self.port}/")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._pool(await _startup(reader, writer))
            for kind, payload in self._greeting:
                writer.write(_message(kind, token_bytes(8) if kind == b"K" else payload))
            while (first := await _read(reader))[0] != b"X":
                await self._transaction(first, reader, writer)
        writer.close()

    async def _pool(self, startup: bytes) -> None:
        """Connections to the server, when the first client comes."""
        async with self._first:
            while self._opened < self._servers:
                self._opened += 1
                server = await asyncio.open_connection("127.0.0.1", self._server_port)
                self._writers.append(server[1])
                server[1].write(startup)
                self._greeting = [message async for message in _until_ready(server[0])]
                self._idle.put_nowait(server)

    async def _transaction(self, message: tuple[bytes, bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = await self._idle.get()
        while True:
            server[1].write(_message(*message))
            if message[0] in _ASKS:
                status = b""
                async for answer in _until_ready(server[0]):
                    writer.write(_message(*answer))
                    status = answer[1]
                if status == b"I":
                    break
            message = await _read(reader)
        self._idle.put_nowait(server)


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The client's first message; encryption is declined."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!II", head)
        if code not in (_SSL, _GSS):
            return head + await reader.readexactly(length - 8)
        writer.write(b"N")


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


async def _until_ready(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Messages up to ReadyForQuery, with it."""
    while True:
        message = await _read(reader)
        yield message
        if message[0] == b"Z":
            return


def _message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("!I", len(payload) + 4) + payload
