"""`workers: N`: binds once, starts workers, replaces those that die, carries reloads and drains to all, adds up their metrics.

Each worker has a listening socket of its own (SO_REUSEPORT, see `sockets.bind`) that the supervisor holds open too, so that a
replacement takes over the dead worker's socket together with the connections waiting on it.
"""

import asyncio
import logging
import socket
import time

import msgspec

from proxy.admin.reload import ReloadRefused
from proxy.core.lifecycle import OWING
from proxy.core.tasks import TaskSupervisor
from proxy.serving.child import Child
from proxy.serving.control import CallFailed
from proxy.serving.metrics_port import MetricsPort, open_metrics_port
from proxy.serving.options import Launch
from proxy.serving.reloading import Done, Plan, ReadRefused, Refused, Reloader, decode_plan, encode, refused
from proxy.serving.runtime import OnReady, Runtime, make_runtime
from proxy.serving.signals import on_signals
from proxy.serving.sockets import address_of, bind
from proxy.serving.watch import FileWatch, watch_files
from proxy.settings import Problem
from proxy.settings.sources import Sources
from proxy.telemetry.exposition import render
from proxy.telemetry.merge import merge, only_cumulative
from proxy.telemetry.snapshot import Snapshot, decode_snapshot, encode_snapshot

MAX_START_FAILURES = 3
"""Workers that end before any was ready: then the fault is not chance."""
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A worker that lived so long starts the back-off anew."""
POLL_S = 5.0
"""How often workers are asked for their values, so that little is lost with one that is killed."""
RELOAD_S = 15.0
MARGIN_S = 5.0
"""A worker may take so much longer than the drain allows before it is killed."""


class SupervisorHub:
    """The sum over workers, dead ones' counters included, and the supervisor's own."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor

    async def render(self, accept: str) -> tuple[str, bytes]:
        return render(await self._supervisor.merged(), accept)


class Supervisor:
    def __init__(self, launch: Launch, runtime: Runtime, sockets: list[socket.socket], on_ready: OnReady | None = None) -> None:
        self._launch = launch
        self._options = launch.options
        self._runtime = runtime
        self._sockets = sockets
        self._address = address_of(sockets[0])
        self._on_ready = on_ready
        self._log = logging.getLogger("llm_edge")
        self._children: dict[int, Child] = {}
        self._retired: Snapshot = ()
        self._tasks = TaskSupervisor(on_failure=self._task_failed)
        self._draining = asyncio.Event()
        self._failures = 0
        self._was_ready = False
        self._code = 0
        self._began = time.monotonic()
        self.margin_s = MARGIN_S
        also = [launch.config] if launch.config else []
        self._watch = FileWatch(launch.sources, also) if self._options.watch_config else None
        self._reloader = Reloader(self._reload_all, runtime.metrics, self._watch)
        runtime.metrics.gauge("llm_edge_workers", list)
        runtime.metrics.gauge("llm_edge_cpu_usage_percent", list)

    async def run(self) -> int:
        """Exit code, when all workers have ended."""
        on_signals(self.drain, self.reload, abort=self._kill_all)
        self._runtime.logs.buffer.attach(asyncio.get_running_loop())
        port = open_metrics_port(self._launch)
        metrics_port = MetricsPort(SupervisorHub(self), port, alive=lambda: self._was_ready) if port is not None else None
        if metrics_port is not None:
            await metrics_port.start()
        keepers = [self._tasks.start(self._keep(n), name=f"worker:{n}") for n in range(self._options.workers)]
        self._tasks.start(self._poll(), name="poll")
        await asyncio.gather(*keepers)
        if metrics_port is not None:
            await metrics_port.close()
        await self._tasks.close()
        for sock in self._sockets:
            sock.close()
        self._runtime.logs.buffer.detach()
        return self._code

    def drain(self) -> None:
        """All workers in parallel; the supervisor's copies of the listeners close when theirs do."""
        if self._draining.is_set():
            return
        self._log.info("draining all workers")
        self._draining.set()
        for child in self._children.values():
            child.channel.note("drain")
        self._tasks.start(self._end(), name="drain")

    def reload(self) -> None:
        self._tasks.start(self._reloader.quietly(), name="reload")

    async def merged(self) -> Snapshot:
        """Every worker is asked at the same time."""
        own = self._runtime.metrics.snapshot()
        workers = await asyncio.gather(*(child.snapshot() for child in self._children.values()))
        return merge([own, self._retired, *workers])

    async def _keep(self, number: int) -> None:
        """Worker `number`, over and over, until the drain."""
        crashes = 0
        while not self._draining.is_set():
            child = Child(number, [self._sockets[number]], lambda op, data: self._handle(number, op, data))
            self._children[number] = child
            await child.run(self._launch)
            code = await child.exited
            self._retired = merge([self._retired, only_cumulative(child.latest)])
            self._children.pop(number, None)
            if self._draining.is_set():
                if code == OWING:
                    self._code = OWING
                return
            if not self._was_ready and not self._may_start_again(child, code):
                return
            crashes = 1 if time.monotonic() - child.started > STEADY_S else crashes + 1
            pause = BACKOFF_S[min(crashes - 1, len(BACKOFF_S) - 1)]
            self._runtime.metrics.inc("llm_edge_worker_restarts_total")
            self._log.error(
                "worker ended unasked and is replaced", extra={"worker": number, "pid": child.pid, "exit": code, "pause_s": pause}
            )
            if pause:
                await self._pause_without_socket(number, pause)

    def _may_start_again(self, child: Child, code: int) -> bool:
        self._failures += 1
        self._log.error("worker did not start", extra={"worker": child.number, "pid": child.pid, "exit": code, "failures": self._failures})
        if self._failures < MAX_START_FAILURES:
            return True
        self._log.critical("workers do not start; giving up")
        self._code = code if code > 0 else 1
        self._draining.set()
        self._kill_all()
        return False

    async def _pause_without_socket(self, number: int, seconds: float) -> None:
        """The kernel would go on giving its share of connections to a socket that nobody accepts from."""
        self._sockets[number].close()
        try:
            async with asyncio.timeout(seconds):
                await self._draining.wait()
        except TimeoutError:
            self._sockets[number] = bind(*self._address, shared=True)[0]

    async def _handle(self, number: int, op: str, data: bytes) -> bytes:
        if op == "metrics":
            return encode_snapshot(await self.merged())
        if op == "reload":
            return await self._reload_for_worker()
        child = self._children.get(number)
        if child is None:
            raise CallFailed("unknown worker")
        if op == "ready":
            self._ready(child)
        elif op == "last":
            try:
                child.latest = decode_snapshot(data)
            except msgspec.DecodeError as exc:
                raise CallFailed(str(exc)) from exc
        else:
            raise CallFailed(f"unknown operation {op!r}")
        return b""

    def _ready(self, child: Child) -> None:
        child.ready = True
        if self._draining.is_set():
            child.channel.note("drain")
        self._log.info("worker ready", extra={"worker": child.number, "pid": child.pid})
        if child.launch is not self._launch:
            self._tasks.start(self._catch_up(child), name=f"catch-up:{child.number}")
        if self._was_ready or not all(n in self._children and self._children[n].ready for n in range(self._options.workers)):
            return
        self._was_ready = True
        self._runtime.lifecycle.mark_ready()
        if self._watch is not None:
            self._tasks.start(watch_files(self._watch, self._reloader.quietly), name="config-watch")
        host, port = self._address
        after_s = round(time.monotonic() - self._began, 3)
        self._log.info("ready", extra={"host": host, "port": port, "workers": self._options.workers, "after_s": after_s})
        if self._on_ready is not None:
            self._on_ready(host, port)

    async def _reload_all(self) -> tuple[Plan, int]:
        """All workers check the configuration first, all of them what the first has read; only then do they take it."""
        children = [child for child in self._children.values() if child.ready]
        if not children:
            raise ReloadRefused(Problem("no worker is ready"))
        try:
            plan = await self._prepare(children[0], None)
            plans = await asyncio.gather(*(self._prepare(child, plan.sources) for child in children[1:]))
            if versions := {other.version for other in plans} - {plan.version}:
                raise ReloadRefused(Problem(f"workers read different configurations: {sorted({plan.version, *versions})}"))
        except ReloadRefused:
            for child in children:
                child.channel.note("reload.abandon")
            raise
        self._launch = msgspec.structs.replace(self._launch, sources=plan.sources)
        results = await asyncio.gather(*(self._commit(child) for child in children))
        await asyncio.gather(*(self._catch_up(child) for child in self._children.values() if child.ready and child not in children))
        return plan, sum(results)

    async def _prepare(self, child: Child, sources: Sources | None) -> Plan:
        """`sources` None: what is on the disk. Raises ReloadRefused."""
        try:
            raw = await child.channel.call("reload.prepare", encode(sources) if sources is not None else b"", timeout_s=RELOAD_S)
            plan = decode_plan(raw)
        except (CallFailed, msgspec.DecodeError) as exc:
            raise ReloadRefused(Problem(f"worker {child.number}: {exc}")) from exc
        if isinstance(plan, Refused):
            raise ReadRefused(*plan.problems, sources=plan.sources)
        return plan

    async def _commit(self, child: Child) -> bool:
        """A worker that checked the configuration but cannot take it is replaced: no two versions side by side."""
        try:
            await child.channel.call("reload.commit", timeout_s=RELOAD_S)
        except CallFailed as exc:
            self._log.error("worker did not take the configuration and is replaced", extra={"worker": child.number, "error": str(exc)})
            child.kill()
            return False
        child.launch = self._launch
        return True

    async def _catch_up(self, child: Child) -> None:
        """A worker that was starting while the others were reloaded."""
        if child.launch is self._launch:
            return
        try:
            await self._prepare(child, self._launch.sources)
        except ReloadRefused as exc:
            self._log.error("worker did not take the configuration and is replaced", extra={"worker": child.number, "error": str(exc)})
            child.kill()
            return
        await self._commit(child)

    async def _reload_for_worker(self) -> bytes:
        try:
            return encode(Done(await self._reloader.reload()))
        except ReloadRefused as exc:
            return encode(refused(exc))

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.gather(*(child.snapshot() for child in self._children.values()))

    async def _end(self) -> None:
        options = self._options
        await asyncio.sleep(options.drain_delay_s)
        for sock in self._sockets:
            sock.close()
        await asyncio.sleep(options.grace_s + options.end_s + self.margin_s)
        self._log.error("workers did not end in time and are killed")
        self._kill_all()

    def _kill_all(self) -> None:
        for child in self._children.values():
            child.kill()

    def _task_failed(self, name: str, exc: BaseException) -> None:
        self._runtime.metrics.task_failed(name)
        self._log.error("background task failed", extra={"task": name}, exc_info=exc)


def run_supervised(launch: Launch, *, on_ready: OnReady | None = None) -> int:
    """Exit code. Raises CannotListen."""
    options = launch.options
    sockets = bind(options.host, options.port, count=options.workers, shared=True)
    runtime = make_runtime(launch)
    with asyncio.Runner() as runner:
        code = runner.run(_supervise(launch, runtime, sockets, on_ready))
    runtime.logs.close()
    return code


async def _supervise(launch: Launch, runtime: Runtime, sockets: list[socket.socket], on_ready: OnReady | None) -> int:
    return await Supervisor(launch, runtime, sockets, on_ready).run()
