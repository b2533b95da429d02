"""A Redis-protocol server that a test scripts: for replies, delays and faults that a real one gives only with luck."""

import asyncio
import ssl
from collections.abc import Callable

import hiredis

from tests.support.eventually import eventually

Command = tuple[bytes, ...]
Answer = Callable[[Command], bytes | None]
"""Raw reply bytes; None: no reply, ever; bytes that end with `DROP`: those before it, and the connection is closed."""

DROP = b"\0drop"


def login_ok(command: Command) -> bytes | None:
    """What a plain server says to the commands of a login."""
    return b"+PONG\r\n" if command[0] == b"PING" else b"+OK\r\n"


class RespServer:
    """`async with RespServer(answer) as server:` … `server.url`. `chunk`: replies go out in pieces of so many bytes."""

    def __init__(self, answer: Answer = login_ok, *, chunk: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.commands: list[Command] = []
        """Everything received, in order."""
        self.reads: list[int] = []
        """How many commands each read from a socket brought."""
        self.connections = 0
        self.gate = asyncio.Event()
        """While clear, nothing is answered and nothing more is read."""
        self.gate.set()
        self._chunk = chunk
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"{'rediss' if self._tls else 'redis'}://localhost:{self.port}"

    async def __aenter__(self) -> "RespServer":
        self._server = await asyncio.start_server(self._serve, "localhost", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        self.gate.set()
        self.drop_all()
        await eventually(lambda: not self._writers)

    def drop_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(65536):
                parser.feed(data)
                await self._reply(parser, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _reply(self, parser: hiredis.Reader, writer: asyncio.StreamWriter) -> None:
        out, count = b"", 0
        while (command := parser.gets()) is not False:
            count += 1
            self.commands.append(tuple(command))
            reply = self.answer(self.commands[-1])
            out += reply or b""
            if out.endswith(DROP):
                break
        self.reads.append(count)
        await self.gate.wait()
        out, hang_up = out.removesuffix(DROP), out.endswith(DROP)
        step = self._chunk or len(out) or 1
        for start in range(0, len(out), step):
            writer.write(out[start : start + step])
            await writer.drain()
            await asyncio.sleep(0)
        if hang_up:
            writer.close()
            raise ConnectionResetError
