"""Open loop: requests go out by a schedule, whatever the answers do; latency counts from the intended send time.

With two targets they take turns request by request, so both meet the same noise: the difference of their quantiles is the added latency.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

from benchmarks.load.answers import Answer
from benchmarks.load.closed import fault_of
from benchmarks.load.connection import Connection
from benchmarks.load.jobs import Job, Outcome, Target
from benchmarks.load.timer import PreciseTimer
from benchmarks.stats import summary_us

_WARM_CONNECTIONS = 8


def schedule(requests: int, rate: float, seed: int) -> list[int]:
    """Nanoseconds from the start at which to send, exponentially spaced."""
    rng = random.Random(seed)
    at, due = 0.0, []
    for _ in range(requests):
        at += rng.expovariate(rate)
        due.append(round(at * 1e9))
    return due


def _nothing() -> None:
    """Until somebody listens."""


class Pool:
    """One target's connections: the one used last first, so that few stay warm."""

    def __init__(self, target: Target, most: int) -> None:
        self._target = target
        self._most = most
        self._requests = target.requests()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[int] = deque()
        self._samples: list[int] = []
        self.outcome = Outcome()
        self.pending = 0
        self.on_done: Callable[[], None] = _nothing

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self._answered, self._lost), self._target.host, self._target.port
            )
        except OSError as exc:
            if self._waiting:
                self._waiting.popleft()
                self._end(f"connect: {exc}")
            else:
                self.outcome.fault(f"connect: {exc}")
            return
        self._open.add(connection)
        self._release(connection)

    def ask(self, due_ns: int) -> None:
        self.pending += 1
        if self._idle:
            self._idle.pop().ask(next(self._requests), due_ns)
            return
        self._waiting.append(due_ns)
        self._grow()

    def _grow(self) -> None:
        if len(self._open) + len(self._opening) < self._most:
            task = asyncio.ensure_future(self.connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def finish(self, seconds: float) -> Outcome:
        for connection in list(self._open):
            connection.due_ns = 0
            connection.close()
        self.outcome.cut = self.pending > 0
        self.outcome.requests = len(self._samples)
        self.outcome.seconds = seconds
        self.outcome.latency = summary_us(self._samples)
        return self.outcome

    def _release(self, connection: Connection) -> None:
        connection.due_ns = 0
        if self._waiting:
            connection.ask(next(self._requests), self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _answered(self, connection: Connection, answer: Answer) -> None:
        taken = time.monotonic_ns() - connection.due_ns
        fault = fault_of(answer, self._target)
        if not fault:
            self._samples.append(taken)
        self._end(fault)
        if answer.keep_alive:
            self._release(connection)
        else:
            connection.due_ns = 0
            connection.close()

    def _lost(self, connection: Connection, reason: str) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._grow()
        if reason:
            self._end(reason)

    def _end(self, fault: str) -> None:
        if fault:
            self.outcome.fault(fault)
        self.pending -= 1
        self.on_done()


class OpenLoop:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._pools = [Pool(target, job.connections) for target in job.targets]
        self._due = schedule(job.requests, job.rate, job.seed)
        self._sent = 0
        self._begin = 0
        self._done = asyncio.Event()

    async def run(self) -> list[Outcome]:
        for pool in self._pools:
            for _ in range(min(_WARM_CONNECTIONS, self._job.connections)):
                await pool.connect()
            pool.on_done = self._check_done
        timer = PreciseTimer(self._tick)
        self._timer = timer
        self._begin = time.monotonic_ns() + 1_000_000
        timer.arm(self._begin)
        try:
            await asyncio.wait_for(self._done.wait(), self._job.max_s)
        except TimeoutError:
            pass
        finally:
            timer.close()
        seconds = (time.monotonic_ns() - self._begin) / 1e9
        return [pool.finish(seconds) for pool in self._pools]

    def _tick(self) -> None:
        now = time.monotonic_ns()
        due = self._due
        while self._sent < len(due) and (at := self._begin + due[self._sent]) <= now:
            self._pools[self._sent % len(self._pools)].ask(at)
            self._sent += 1
        if self._sent < len(due):
            self._timer.arm(self._begin + due[self._sent])
        else:
            self._check_done()

    def _check_done(self) -> None:
        if self._sent >= len(self._due) and not any(pool.pending for pool in self._pools):
            self._done.set()
