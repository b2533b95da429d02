"""One keep-alive connection with at most one request under way."""

import asyncio
from collections.abc import Callable
from typing import cast

from benchmarks.load.answers import Answer, BadAnswer, take_answer


class Connection(asyncio.Protocol):
    """`on_answer(connection, answer)` is called for each whole answer, `on_lost(connection, reason)` once when it is gone; the reason
    is empty when nothing was under way."""

    def __init__(self, on_answer: Callable[["Connection", Answer], None], on_lost: Callable[["Connection", str], None]) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._broken = ""
        self.due_ns = 0
        """When the request under way was sent, or should have been; 0: none is."""

    def ask(self, request: bytes, due_ns: int) -> None:
        self.due_ns = due_ns
        if self._transport is not None:
            self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        try:
            answer = take_answer(data)
        except BadAnswer as exc:
            self._broken = str(exc)
            self.close()
            return
        if answer is None:
            self._buffer = data
            return
        self._buffer = b""
        self._on_answer(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reason = self._broken or (repr(exc) if exc else "closed before the answer")
        self._on_lost(self, reason if self.due_ns else "")
