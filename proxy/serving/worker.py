"""`python -m proxy.serving.worker CONTROL_FD LISTEN_FD…`: one worker of a supervisor.

It is told what to serve over the control channel, answers there, and ends when the channel does: a worker never outlives its supervisor.
SIGINT and SIGHUP are the supervisor's (a terminal sends them to the whole group); SIGTERM drains this worker alone.
"""

import asyncio
import logging
import signal
import socket
import sys
from functools import partial

import msgspec

from proxy.admin.reload import Reloaded, ReloadRefused
from proxy.core.errors import Unavailable
from proxy.core.lifecycle import OWING
from proxy.core.tasks import TaskSupervisor
from proxy.serving.control import CallFailed, Channel
from proxy.serving.options import Launch
from proxy.serving.process import Served
from proxy.serving.reloading import Plan, Refused, decode_done, decode_sources, encode, refused
from proxy.serving.runtime import make_runtime
from proxy.serving.single import new_loop
from proxy.settings import SettingsError
from proxy.telemetry.exposition import render
from proxy.telemetry.hub import MetricsHub
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.snapshot import decode_snapshot, encode_snapshot

ORPHAN_GRACE_S = 5.0
RELOAD_S = 60.0
"""As long as a supervisor takes at most, with a reload before this one."""
WRONG_SETTINGS = 2
"""Exit code, the command line's own for it."""


class SupervisedHub:
    """Asks the supervisor for the sum over all workers; if it does not answer, this worker's own values are better than none."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.channel: Channel | None = None

    async def render(self, accept: str) -> tuple[str, bytes]:
        snapshot = self._metrics.snapshot()
        if self.channel is not None:
            try:
                snapshot = decode_snapshot(await self.channel.call("metrics", timeout_s=2.0))
            except (CallFailed, msgspec.DecodeError) as exc:
                logging.getLogger("llm_edge").warning("metrics of this worker only", extra={"error": str(exc)})
        return render(snapshot, accept)


_: type[MetricsHub] = SupervisedHub


class Worker:
    def __init__(self, control: socket.socket, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._channel = Channel(control, self._handle)
        self._served: Served | None = None
        self._launch: asyncio.Future[bytes] | None = None
        self._tasks = TaskSupervisor()

    async def run(self) -> int:
        """Exit code."""
        loop = asyncio.get_running_loop()
        self._launch = loop.create_future()
        reader = await self._channel.open()
        listening = self._tasks.start(self._channel.run(reader), name="control")
        listening.add_done_callback(self._orphaned)
        try:
            launch = msgspec.msgpack.decode(await self._launch, type=Launch)
        except CallFailed:
            return 0
        return await self._serve(launch, listening)

    async def _serve(self, launch: Launch, listening: "asyncio.Task[None]") -> int:
        runtime = make_runtime(launch, SupervisedHub)
        hub = runtime.hub
        if isinstance(hub, SupervisedHub):
            hub.channel = self._channel
        runtime.reload.behind = partial(ask_for_reload, self._channel)
        try:
            self._served = served = Served(launch, runtime)
        except SettingsError as exc:
            logging.getLogger("llm_edge").critical("wrong configuration", extra={"error": str(exc)})
            runtime.logs.close()
            return WRONG_SETTINGS
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, served.server.begin_drain)
        served.server.when_ready(lambda: self._channel.note("ready"))
        if listening.done():
            return 0
        try:
            await served.run(self._sockets)
        finally:
            self._channel.note("last", encode_snapshot(runtime.metrics.snapshot()))
            await self._channel.close()
            runtime.logs.close()
        return OWING if runtime.lifecycle.owed else 0

    async def _handle(self, op: str, data: bytes) -> bytes:
        if op == "launch" and self._launch is not None:
            self._launch.set_result(data)
            return b""
        served = self._served
        if served is None:
            raise CallFailed("the worker has not started")
        try:
            return await self._handle_served(served, op, data)
        except ReloadRefused as exc:
            raise CallFailed(str(exc)) from exc

    async def _handle_served(self, served: Served, op: str, data: bytes) -> bytes:
        if op == "snapshot":
            return encode_snapshot(served.runtime.metrics.snapshot())
        if op == "drain":
            served.server.begin_drain()
        elif op == "reload.prepare":
            return encode(await prepare(served, data))
        elif op == "reload.abandon":
            await served.app.abandon_reload()
        elif op == "reload.commit":
            await served.commit()
        else:
            raise CallFailed(f"unknown operation {op!r}")
        return b""

    def _orphaned(self, _task: "asyncio.Task[None]") -> None:
        """The supervisor is gone: the listener closes at once, requests in flight get a moment."""
        if self._launch is not None and not self._launch.done():
            self._launch.set_exception(CallFailed("the supervisor is gone"))
        served = self._served
        if served is None or served.server.state.draining:
            return
        logging.getLogger("llm_edge").error("the supervisor is gone; this worker ends")
        served.server.begin_drain(delay_s=0.0, grace_s=ORPHAN_GRACE_S)


async def ask_for_reload(channel: Channel) -> Reloaded:
    """Of the supervisor, for all its workers. Raises ReloadRefused, Unavailable."""
    try:
        done = decode_done(await channel.call("reload", timeout_s=RELOAD_S))
    except (CallFailed, msgspec.DecodeError) as exc:
        raise Unavailable(f"the reload has no answer: {exc}") from exc
    if isinstance(done, Refused):
        raise ReloadRefused(*done.problems)
    return done.reloaded


async def prepare(served: Served, data: bytes) -> Plan | Refused:
    """`data`: the sources to read instead of the disk; empty: the disk."""
    try:
        return await served.prepare(decode_sources(data) if data else None)
    except ReloadRefused as exc:
        return refused(exc)


def main(argv: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    control, *listeners = (socket.socket(fileno=int(fd)) for fd in argv)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(Worker(control, listeners).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
