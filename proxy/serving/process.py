"""One application on one event loop: its server, what watches the loop, and the reload in its two steps."""

import asyncio
import logging
import socket
import ssl
from typing import Any

from proxy.core.tasks import TaskSupervisor
from proxy.serving.options import Launch
from proxy.serving.reloading import Plan
from proxy.serving.runtime import Runtime, ServedApp, load_app
from proxy.serving.server import EdgeServer
from proxy.settings.sources import Sources
from proxy.telemetry.lag import LagMonitor


class Served:
    """One application on one loop, until drained."""

    def __init__(self, launch: Launch, runtime: Runtime) -> None:
        """Raises what the application's factory raises."""
        self.runtime = runtime
        self.app: ServedApp = load_app(launch, runtime)
        self.server = EdgeServer(self.app.asgi, options=launch.options, lifecycle=runtime.lifecycle, metrics=runtime.metrics)
        self.tasks = TaskSupervisor(on_failure=self._failed)
        self._log = logging.getLogger("llm_edge")

    async def run(self, sockets: list[socket.socket]) -> None:
        """Raises SystemExit when the application does not start."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_loop_error)
        self.runtime.logs.buffer.attach(loop)
        lag = LagMonitor(self.runtime.metrics.observe_lag)
        lag.start()
        try:
            await self.server.serve(sockets)
        finally:
            lag.stop()
            await self.tasks.close()
            self.runtime.logs.buffer.detach()

    async def prepare(self, sources: Sources | None = None) -> Plan:
        """Raises ReloadRefused."""
        return await self.app.prepare_reload(sources)

    async def commit(self) -> None:
        """Raises ReloadRefused."""
        await self.app.commit_reload()
        try:
            self.server.reload_tls()
        except (OSError, ssl.SSLError) as exc:
            self._log.error("certificate not reloaded, the old one stays", extra={"error": str(exc)})

    async def reload(self) -> tuple[Plan, int]:
        """Both steps, for a process on its own. Raises ReloadRefused."""
        plan = await self.prepare()
        await self.commit()
        return plan, 1

    def _failed(self, name: str, exc: BaseException) -> None:
        self.runtime.metrics.task_failed(name)
        self._log.error("background task failed", extra={"task": name}, exc_info=exc)


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logging.getLogger("llm_edge").error(
        "event loop: %s",
        context.get("message", "unhandled error"),
        exc_info=context.get("exception"),
        extra={"where": repr(context.get("handle"))},
    )
