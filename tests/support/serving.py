"""Our server with an application of the test's own: in the test's loop over loopback, or in processes of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.core.lifecycle import Lifecycle
from proxy.serving.limits import ConnectionLimits
from proxy.serving.options import ServeOptions
from proxy.serving.server import EdgeServer
from proxy.serving.sockets import bind
from proxy.telemetry.metrics import Metrics
from tests.support.eventually import PATIENT_S

ROOT = Path(__file__).resolve().parents[2]
Handler = Callable[[Scope, Receive, Send], Any]


class LifespanApp:
    """An ASGI application out of one handler for requests; counts its starts and stops."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.started = 0
        self.stopped = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._handler(scope, receive, send)
            return
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                self.stopped += 1
                return
            self.started += 1


async def answer(send: Send, body: bytes = b"ok", *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """A whole answer of known length."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body)), *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def read_all(receive: Receive) -> bytes:
    """The request's body; raises ConnectionError when the client leaves first."""
    body = b""
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        piece: bytes = message["body"]
        body += piece
        if not message["more_body"]:
            return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the body."""
    body = await read_all(receive)
    await answer(send, scope["path"].encode() + b"|" + body)


class Serving:
    def __init__(self, server: EdgeServer, port: int, metrics: Metrics, lifecycle: Lifecycle) -> None:
        self.server = server
        self.state = server.state
        self.port = port
        self.metrics = metrics
        self.lifecycle = lifecycle
        self.task: asyncio.Task[None] | None = None

    async def connect(self) -> "Raw":
        return Raw(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, data: bytes) -> bytes:
        """Everything that comes back on a connection of its own until the server closes it."""
        raw = await self.connect()
        async with raw:
            raw.send(data)
            return await raw.rest()


class Raw:
    """A client that writes and reads bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENT_S):
            head: bytes = await self.reader.readuntil(b"\r\n\r\n")
            return head

    async def response(self) -> tuple[int, bytes, bytes]:
        """(status, head, body) of an answer with Content-Length."""
        head = await self.head()
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        async with asyncio.timeout(PATIENT_S):
            return int(head.split(b" ")[1]), head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Until the server closes, or resets."""
        async with asyncio.timeout(PATIENT_S):
            data = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := await self.reader.read(65536):
                    data += piece
            return data

    def reset(self) -> None:
        """RST: what a killed client's kernel, or a firewall, sends."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def __aenter__(self) -> "Raw":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def serving(app: ASGIApp, *, limits: ConnectionLimits | None = None, **options: Any) -> AsyncIterator[Serving]:
    """`app` behind an EdgeServer on a free loopback port, drained at the end. Handlers without a lifespan get one."""
    metrics, lifecycle = Metrics(), Lifecycle()
    wanted = {"drain_delay_s": 0.0, "grace_s": 1.0, "end_s": 0.2, **options}
    asgi = app if isinstance(app, LifespanApp) else LifespanApp(app)
    server = EdgeServer(asgi, options=ServeOptions(limits=limits or ConnectionLimits(), **wanted), lifecycle=lifecycle, metrics=metrics)
    sockets = bind("127.0.0.1", 0)
    running = Serving(server, sockets[0].getsockname()[1], metrics, lifecycle)
    running.task = asyncio.ensure_future(server.serve(sockets))
    try:
        async with asyncio.timeout(PATIENT_S):
            while not lifecycle.is_ready and not running.task.done():
                await asyncio.sleep(0)
        yield running
    finally:
        server.begin_drain(delay_s=0.0)
        await running.task


class ServedProcess:
    """`python -m tests.support.served_main`: the serving side in processes of its own, with the test's small application."""

    def __init__(self, *, workers: int = 1, config: str | None = None, read: bool = True, **options: Any) -> None:
        """`read` False: nobody reads the log until `wait`."""
        limits = options.pop("limits", {})
        wanted = {"host": "127.0.0.1", "port": 0, "metrics_port": 0, "workers": workers, "drain_delay_s": 0.0, "grace_s": 5.0, **options}
        launch = {
            "app": "tests.support.served_app:open_app",
            "config": config,
            "options": {**wanted, "limits": {"sweep_s": 0.05, **limits}},
        }
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.served_main", json.dumps(launch)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        if read:
            self._reader.start()

    @property
    def port(self) -> int:
        port: int = self.wait_for("ready")["port"]
        return port

    def find_port(self) -> int:
        """From the first lines of the log, of which the rest stays unread."""
        if self.process.stdout is None:
            raise RuntimeError("no log")
        while True:
            line = json.loads(self.process.stdout.readline())
            if line["message"] == "ready":
                port: int = line["port"]
                return port

    @property
    def metrics_port(self) -> int:
        port: int = self.wait_for("metrics port")["port"]
        return port

    def wait_for(self, message: str, *, count: int = 1, within_s: float = 60.0) -> dict[str, Any]:
        """The `count`-th log line with this message. Raises TimeoutError with the log so far."""
        until = time.monotonic() + within_s
        with self._changed:
            while True:
                found = [line for line in self.lines if line["message"] == message]
                if len(found) >= count:
                    return found[count - 1]
                left = until - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise TimeoutError(f"no {message!r} in {self.lines}")
                self._changed.wait(min(left, 0.5))

    def worker_pids(self) -> list[int]:
        return [line["pid"] for line in self.lines if line["message"] == "worker ready"]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, within_s: float = 30.0) -> int:
        """Exit code."""
        code = self.process.wait(within_s)
        self._join()
        return code

    def __enter__(self) -> "ServedProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """In order if it can be had; then the whole group, so that a failed test leaves nothing behind."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _join(self) -> None:
        if self._reader.ident is not None:
            self._reader.join(5.0)

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        for raw in self.process.stdout:
            with self._changed:
                self.lines.append(json.loads(raw))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
