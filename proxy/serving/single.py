"""`workers: 1`: everything in one process."""

import asyncio
import logging
import socket

from proxy.core.clock import SystemClock
from proxy.core.lifecycle import OWING
from proxy.serving.metrics_port import MetricsPort, open_metrics_port
from proxy.serving.options import Launch
from proxy.serving.process import Served
from proxy.serving.reloading import Reloader
from proxy.serving.runtime import OnReady, make_runtime
from proxy.serving.signals import on_signals
from proxy.serving.sockets import address_of, bind
from proxy.serving.watch import FileWatch, watch_files


def run_single(launch: Launch, *, on_ready: OnReady | None = None) -> int:
    """Exit code. Raises CannotListen, and what the application's factory raises."""
    options = launch.options
    sockets = bind(options.host, options.port)
    runtime = make_runtime(launch)
    served = Served(launch, runtime)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(launch, served, sockets, on_ready))
    runtime.logs.close()
    return OWING if runtime.lifecycle.owed else 0


def new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(launch: Launch, served: Served, sockets: list[socket.socket], on_ready: OnReady | None) -> None:
    log = logging.getLogger("llm_edge")
    began = SystemClock.monotonic()
    watch = FileWatch(launch.sources, [launch.config] if launch.config else []) if launch.options.watch_config else None
    reloader = Reloader(served.reload, served.runtime.metrics, watch)
    served.runtime.reload.behind = reloader.reload
    on_signals(served.server.begin_drain, lambda: reload_soon(served, reloader))
    if watch is not None:
        served.tasks.start(watch_files(watch, reloader.quietly), name="config-watch", endless=True)
    port = open_metrics_port(launch)
    metrics_port = MetricsPort(served.runtime.hub, port) if port is not None else None
    if metrics_port is not None:
        await metrics_port.start()
    host, number = address_of(sockets[0])

    def ready() -> None:
        log.info("ready", extra={"host": host, "port": number, "workers": 1, "after_s": round(SystemClock.monotonic() - began, 3)})
        if on_ready is not None:
            on_ready(host, number)

    served.server.when_ready(ready)
    try:
        await served.run(sockets)
    finally:
        if metrics_port is not None:
            await metrics_port.close()


def reload_soon(served: Served, reloader: Reloader) -> None:
    served.tasks.start(reloader.quietly(), name="reload")
