"""A scripted provider on a real socket: each request goes to a coroutine that answers as it likes.

async with Upstream() as up:
    up.on(json_answer(chat("hello")))          # every request
    up.script(status(500), json_answer(chat("hello")))   # one after the other, the last one stays
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Self


class Call:
    """One received request and the connection to answer on."""

    def __init__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.reader = reader
        self.writer = writer
        self.closed_by_peer = asyncio.Event()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        await self.raw("\r\n".join(lines).encode())

    async def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.head(status, {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})})
        await self.raw(data)

    async def begin_stream(self) -> None:
        await self.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Until the gateway closes the connection."""
        while await self.reader.read(65536):
            continue
        self.closed_by_peer.set()


Handler = Callable[[Call], Awaitable[None]]


class Upstream:
    """Listens on a free loopback port while the block runs."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.open = 0
        self.gone: asyncio.Event = asyncio.Event()
        """Set whenever the gateway closes a connection that is being answered."""
        self._handlers: list[Handler] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._arrived = asyncio.Condition()

    def on(self, handler: Handler) -> None:
        self._handlers = [handler]

    def script(self, *handlers: Handler) -> None:
        self._handlers = list(handlers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def received(self, n: int) -> list[Call]:
        """Wait until `n` requests have come."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.calls) >= n)
        return self.calls

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        try:
            while await self._serve_one(reader, writer):
                continue
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        call = Call(method, path, headers, body, reader, writer)
        handler = self._handlers.pop(0) if len(self._handlers) > 1 else self._handlers[0]
        async with self._arrived:
            self.calls.append(call)
            self._arrived.notify_all()
        watching = asyncio.ensure_future(call.until_gone()) if getattr(handler, "watch", False) else None
        try:
            await handler(call)
        finally:
            if watching is not None:
                watching.cancel()
        return not writer.is_closing()


def chat(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A whole OpenAI chat answer."""
    return {
        "id": "chatcmpl-up1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        **more,
    }


def chat_chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    body = {
        "id": "chatcmpl-up1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chat_stream(*texts: str, usage: bool = True) -> list[bytes]:
    """The events of a whole OpenAI chat stream."""
    events = [chat_chunk({"role": "assistant", "content": ""})]
    events += [chat_chunk({"content": text}) for text in texts]
    events.append(chat_chunk({}, "stop"))
    if usage:
        events.append(chat_chunk({}, choices=[], usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}))
    return [*events, b"data: [DONE]\n\n"]


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    async def handle(call: Call) -> None:
        await call.answer(status, body, headers)

    return handle


def failing(status: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any) -> Handler:
    return json_answer({"error": {"message": message, "type": "server_error", "code": None, "param": None, **error}}, status, headers)


def stream_answer(events: list[bytes]) -> Handler:
    async def handle(call: Call) -> None:
        await call.begin_stream()
        for event in events:
            await call.chunk(event)
        await call.end_stream()

    return handle
