"""The channel between supervisor and worker: calls both ways over one socket pair, msgpack frames behind a 4-byte length."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from proxy.core.tasks import TaskSupervisor

MAX_FRAME = 64 * 1024 * 1024
Handler = Callable[[str, bytes], Awaitable[bytes]]
"""(operation, data) → data. What it raises as CallFailed reaches the caller."""


class CallFailed(Exception):
    """The other side refused the call, went away, or did not answer in time."""


class Frame(msgspec.Struct, array_like=True):
    kind: Literal["call", "reply", "error", "note"]
    id: int
    op: str
    data: bytes


class Channel:
    """`run` reads until the other side is gone; calls still open then fail."""

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self._sock = sock
        self._handler = handler
        self._tasks = TaskSupervisor()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._next = 0
        self._writer: asyncio.StreamWriter | None = None
        self._closed = False
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Frame).decode

    async def open(self) -> asyncio.StreamReader:
        self._sock.setblocking(False)
        reader, self._writer = await asyncio.open_unix_connection(sock=self._sock, limit=2**20)
        return reader

    async def run(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                if size > MAX_FRAME:
                    return
                self._take(self._decode(await reader.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError):
            return
        finally:
            await self.close()

    async def call(self, op: str, data: bytes = b"", *, timeout_s: float = 10.0) -> bytes:
        """Raises CallFailed."""
        self._next += 1
        number = self._next
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        try:
            self._send(Frame("call", number, op, data))
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as exc:
            raise CallFailed(f"no answer to {op} in {timeout_s:g} s") from exc
        finally:
            self._calls.pop(number, None)

    def note(self, op: str, data: bytes = b"") -> None:
        """A call that wants no answer; lost when the other side is gone, or not there yet."""
        if not self._closed and self._writer is not None:
            self._send(Frame("note", 0, op, data))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(CallFailed("the other process is gone"))
        await self._tasks.close()
        if self._writer is not None:
            self._writer.close()

    def _take(self, frame: Frame) -> None:
        if frame.kind in ("call", "note"):
            self._tasks.start(self._answer(frame), name=f"control-{frame.op}")
            return
        answer = self._calls.get(frame.id)
        if answer is None or answer.done():
            return
        if frame.kind == "reply":
            answer.set_result(frame.data)
        else:
            answer.set_exception(CallFailed(frame.data.decode(errors="replace")))

    async def _answer(self, frame: Frame) -> None:
        try:
            data, kind = await self._handler(frame.op, frame.data), "reply"
        except CallFailed as exc:
            data, kind = str(exc).encode(), "error"
        if frame.kind == "call" and not self._closed:
            self._send(Frame("reply" if kind == "reply" else "error", frame.id, frame.op, data))
        elif kind == "error":
            logging.getLogger("llm_edge").error("control message failed", extra={"op": frame.op, "error": data.decode(errors="replace")})

    def _send(self, frame: Frame) -> None:
        if self._closed or self._writer is None:
            raise CallFailed("the other process is gone")
        raw = self._encode(frame)
        self._writer.write(len(raw).to_bytes(4, "big") + raw)
