"""The small application of the serving tests: what a worker is and does, by path."""

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from proxy.admin.reload import ReloadRefused
from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.serving.options import Launch
from proxy.serving.reloading import Plan, ReadRefused
from proxy.serving.runtime import Runtime
from proxy.settings import Problem
from proxy.settings.sources import SourceReader, Sources
from tests.support.serving import LifespanApp, answer, read_all

ROUTE = RouteInfo(name="/v1/test", family="openai")


class ServedApp:
    """Its configuration is the text of the file named by `launch.config`: `bad` is refused, `crash` fails to start."""

    def __init__(self, launch: Launch, runtime: Runtime) -> None:
        self._config = Path(launch.config) if launch.config else None
        self._overrides = launch.overrides
        self._runtime = runtime
        self._prepared = ""
        self.version = self._read(launch.sources)
        if self.version == "crash":
            raise RuntimeError("this application does not start")
        self.asgi = LifespanApp(self._handle)

    async def prepare_reload(self, sources: Sources | None = None) -> Plan:
        self._prepared = self._read(sources)
        read = Sources({} if self._config is None else {str(self._config): self._prepared.encode()})
        if self._prepared == "bad":
            raise ReadRefused(Problem("the configuration is bad"), sources=read)
        return Plan(version=self._prepared, previous=self.version, sources=read)

    async def abandon_reload(self) -> None:
        self._prepared = ""

    async def commit_reload(self) -> None:
        if self._prepared == f"half-{os.getpid()}":
            raise ReloadRefused(Problem("cannot take it"))
        self.version = self._prepared

    def _read(self, sources: Sources | None = None) -> str:
        if self._config is None:
            return ""
        reader = SourceReader(sources.texts if sources is not None else None)
        return reader.read(self._config).decode().strip()

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == "/metrics":
            media, body = await self._runtime.hub.render("")
            await answer(send, body, headers=[(b"content-type", media.encode())])
        elif path == "/ready":
            ready = self._runtime.lifecycle.is_ready
            await answer(send, b"ready" if ready else b"not ready", status=200 if ready else 503)
        elif path == "/reload":
            await self._reload(send)
        elif path == "/overrides":
            await answer(send, json.dumps(self._overrides).encode())
        elif path == "/slow":
            await asyncio.sleep(float(scope["query_string"] or b"1"))
            await answer(send, b"slow")
        elif path == "/stream":
            await self._stream(send)
        elif path == "/chatty":
            for n in range(200):
                logging.getLogger("chatty").info("chatty %d %s", n, "x" * 500)
            await answer(send)
        elif path == "/exit":
            os._exit(7)
        else:
            await read_all(receive)
            await self._count(send)

    async def _reload(self, send: Send) -> None:
        try:
            done = await self._runtime.reload()
        except ReloadRefused as exc:
            await answer(send, str(exc).encode(), status=422)
        else:
            await answer(send, json.dumps({"version": done.version, "workers": done.workers}).encode())

    async def _stream(self, send: Send) -> None:
        """Pieces until the server says that it must end; then an end in-band."""
        ended = asyncio.Event()
        unsubscribe = self._runtime.lifecycle.on_force_end(ended.set)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not ended.is_set():
            await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
            await asyncio.sleep(0.02)
        unsubscribe()
        await send({"type": "http.response.body", "body": b"ended in-band\n"})

    async def _count(self, send: Send) -> None:
        ctx = RequestContext(ROUTE, "0" * 32, 0.0)
        ctx.status = 200
        ctx.model = "m"
        self._runtime.metrics.request_started()
        self._runtime.metrics.request_done(ctx, 0.01)
        facts: dict[str, Any] = {"pid": os.getpid(), "version": self.version}
        await answer(send, json.dumps(facts).encode())


def open_app(launch: Launch, runtime: Runtime) -> ServedApp:
    return ServedApp(launch, runtime)
