"""One event loop serving one application: uvicorn's server with a drain that probes can see.

SIGTERM → readiness 503 and `Connection: close` for `drain_delay_s` while still accepting → listener closed → requests in flight get
`grace_s` → streams get their in-band end → what is left is cut off.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from proxy.core.lifecycle import Lifecycle
from proxy.serving.limits import EdgeState
from proxy.serving.options import ServeOptions
from proxy.serving.protocol import EdgeProtocol
from proxy.telemetry.metrics import Metrics


class EdgeServer(uvicorn.Server):
    """`serve(sockets)` returns when the drain is over. Signals are the caller's: it calls `begin_drain` and `reload_tls`."""

    def __init__(
        self,
        asgi: ASGIApp,
        *,
        options: ServeOptions,
        lifecycle: Lifecycle,
        metrics: Metrics,
        before_ready: Callable[[], None] | None = None,
    ) -> None:
        """`before_ready`: called once, when the application has started and nobody has been told so yet."""
        super().__init__(
            uvicorn.Config(
                asgi,
                http=EdgeProtocol,
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                ssl_certfile=options.tls_cert,
                ssl_keyfile=options.tls_key,
            )
        )
        self.state = EdgeState(options.limits)
        self.server_state = self.state
        self.lifecycle = lifecycle
        self._options = options
        self._log = logging.getLogger("llm_edge")
        self.before_ready = before_ready
        self._drain = asyncio.Event()
        self._delay_s = options.drain_delay_s
        self._grace_s = options.grace_s
        self._sweeper: asyncio.TimerHandle | None = None
        self._on_ready: list[Callable[[], None]] = []
        self._watch(metrics)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises SystemExit when the application's start fails."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=sockets)
        self._sweep(asyncio.get_running_loop())
        if self.before_ready is not None:
            self.before_ready()
        self.lifecycle.mark_ready()
        for callback in self._on_ready:
            callback()
        if self.lifecycle.is_draining:
            self._drain.set()
        await self._drain.wait()
        await self._end(sockets or [])
        self.lifecycle.stop()

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Called once, when connections are accepted."""
        self._on_ready.append(callback)

    def begin_drain(self, *, delay_s: float | None = None, grace_s: float | None = None) -> None:
        """From a signal handler; the second call changes nothing. The arguments replace `drain_delay_s` and `grace_s`."""
        if self.state.draining:
            return
        self._delay_s = self._delay_s if delay_s is None else delay_s
        self._grace_s = self._grace_s if grace_s is None else grace_s
        self._log.info("draining", extra={"drain_delay_s": self._delay_s, "grace_s": self._grace_s})
        self.state.draining = True
        self.lifecycle.begin_drain()
        self._drain.set()

    def reload_tls(self) -> None:
        """Read certificate and key again; new connections get them. Raises OSError or ssl.SSLError, and then the old ones stay."""
        context = self.config.ssl if self.config.loaded else None
        if context is None or self._options.tls_cert is None:
            return
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._options.tls_cert, self._options.tls_key)
        context.load_cert_chain(self._options.tls_cert, self._options.tls_key)

    def _watch(self, metrics: Metrics) -> None:
        state = self.state
        metrics.gauge("llm_edge_active_connections", lambda: [((), float(len(state.open)))])
        metrics.count("llm_edge_connections_total", lambda: [((), float(state.accepted))])
        metrics.count("llm_edge_http_refused_total", lambda: [((reason,), float(n)) for reason, n in state.refused.items()])

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = loop.call_later(self.state.limits.sweep_s, self._sweep, loop)
        self.state.sweep(loop.time(), time.time())

    async def _end(self, sockets: list[socket.socket]) -> None:
        await asyncio.sleep(self._delay_s)
        for server in self.servers:
            server.close()
        for sock in sockets:
            sock.close()
        for connection in tuple(self.state.open):
            connection.shutdown()
        if not await self.state.idle(self._grace_s):
            self._log.warning("grace is over", extra={"connections": len(self.state.open), "requests": len(self.state.tasks)})
            self.lifecycle.force_end()
            if not await self.state.idle(self._options.end_s):
                await self._cut_off()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.lifespan.shutdown()

    async def _cut_off(self) -> None:
        """Nothing may keep the process from ending."""
        for connection in tuple(self.state.open):
            connection.transport.abort()
        tasks: list[asyncio.Task[Any]] = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
