"""`workers: 1`: everything in one process."""

import asyncio
import logging
import socket

from proxy.core.clock import SystemClock
from proxy.serving.metrics_port import MetricsPort
from proxy.serving.options import Launch
from proxy.serving.process import Served, make_runtime, on_signals
from proxy.serving.sockets import CannotListen, address_of, bind


def run_single(launch: Launch) -> int:
    """Exit code. Raises CannotListen, and what the application's factory raises."""
    options = launch.options
    sockets = bind(options.host, options.port)
    runtime = make_runtime(launch)
    served = Served(launch, runtime)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(launch, served, sockets))
    runtime.logs.close()
    return 0


def new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(launch: Launch, served: Served, sockets: list[socket.socket]) -> None:
    log = logging.getLogger("llm_edge")
    began = SystemClock.monotonic()
    on_signals(served.server.begin_drain, lambda: reload_soon(served))
    port = open_metrics_port(launch)
    metrics_port = MetricsPort(served.runtime.hub, port) if port is not None else None
    if metrics_port is not None:
        await metrics_port.start()
    host, number = address_of(sockets[0])
    served.server.when_ready(
        lambda: log.info("ready", extra={"host": host, "port": number, "workers": 1, "after_s": round(SystemClock.monotonic() - began, 3)})
    )
    try:
        await served.run(sockets)
    finally:
        if metrics_port is not None:
            await metrics_port.close()


def reload_soon(served: Served) -> None:
    served.tasks.start(served.reload(), name="reload")


def open_metrics_port(launch: Launch) -> socket.socket | None:
    """A taken metrics port is no reason not to serve: the main port has /metrics too."""
    options = launch.options
    if options.metrics_port is None:
        return None
    try:
        sock = bind(options.host, options.metrics_port)[0]
    except CannotListen as exc:
        logging.getLogger("llm_edge").warning("no metrics port: %s", exc)
        return None
    logging.getLogger("llm_edge").info("metrics port", extra={"port": address_of(sock)[1]})
    return sock
