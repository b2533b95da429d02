"""One chat request on a socket of its own, read piece by piece: what came when, and a client that leaves when the test says so."""

import asyncio
import contextlib
import json
import time
from typing import Any

from tests.support.eventually import PATIENT_S
from tests.support.gateway import KEY, chat_body


class RawChat:
    """`async with RawChat(port, "hi", stream=True) as chat:`; `port`: also a whole base URL."""

    def __init__(self, port: int | str, text: str = "hi", *, key: str = KEY, headers: dict[str, str] | None = None, **body: Any) -> None:
        self._port = int(str(port).rpartition(":")[2])
        self._body = json.dumps(chat_body(text, **body)).encode()
        self._headers = {"host": "x", "authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}
        self.received = b""
        self.ended_at = 0.0
        """perf_counter."""

    async def __aenter__(self) -> "RawChat":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"{k}: {v}" for k, v in {**self._headers, "content-length": str(len(self._body)), "connection": "close"}.items()]
        self._writer.write("\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""]).encode() + self._body)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def leave(self) -> None:
        self._writer.transport.abort()

    async def until(self, text: str) -> float:
        """When `text` had come (perf_counter). Raises EOFError with what came instead."""
        async with asyncio.timeout(PATIENT_S):
            while text.encode() not in self.received:
                piece = await self._reader.read(65536)
                if not piece:
                    raise EOFError(self.received)
                self.received += piece
        return time.perf_counter()

    async def rest(self, within_s: float = PATIENT_S * 2) -> "RawChat":
        """To the end of the answer."""
        async with asyncio.timeout(within_s):
            try:
                while piece := await self._reader.read(65536):
                    self.received += piece
            except ConnectionError:
                pass
        self.ended_at = time.perf_counter()
        return self

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1]) if self.received else 0

    def header(self, name: str) -> str:
        head = self.received.partition(b"\r\n\r\n")[0].decode().lower()
        return head.partition(f"\r\n{name}: ")[2].partition("\r\n")[0]

    @property
    def text(self) -> str:
        """The answer's body; of a stream that broke off, what came of it."""
        head, _, body = self.received.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" not in head.lower():
            return body.decode()
        whole = b""
        while body:
            size, _, rest = body.partition(b"\r\n")
            if not size or not (n := int(size, 16)):
                break
            whole, body = whole + rest[:n], rest[n + 2 :]
        return whole.decode()

    @property
    def content(self) -> str:
        """What the model says, whichever form the answer has."""
        text = self.text
        if not text.startswith("data:"):
            body = json.loads(text)
            return str(body["choices"][0]["message"]["content"]) if "choices" in body else ""
        chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))
