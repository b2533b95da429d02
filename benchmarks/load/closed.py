"""Closed loop: N connections, each asks again as soon as it is answered."""

import asyncio
import time

from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection
from benchmarks.load.jobs import GRACE_S, Job, Outcome, Target
from benchmarks.stats import summary_us

_MAX_ERRORS = 1000
"""A system that only fails is not worth more load."""


def fault_of(answer: Answer, target: Target) -> str:
    """Why an answer does not count; empty when it does."""
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
    if target.length is not None and len(answer.body) != target.length:
        return f"{len(answer.body)} bytes instead of {target.length}"
    if target.marker.encode() not in answer.body:
        return "the upstream's text is missing"
    return ""


class ClosedLoop:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._target = job.targets[0]
        self._requests = self._target.requests()
        self._outcome = Outcome()
        self._samples: list[int] = []
        self._left = job.requests
        self._open: set[Connection] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._over = False
        self._done = asyncio.Event()

    async def run(self) -> list[Outcome]:
        await asyncio.gather(*(self._connect() for _ in range(min(self._job.connections, self._job.requests))))
        begin = time.monotonic_ns()
        for connection in list(self._open):
            self._next(connection)
        try:
            await asyncio.wait_for(self._done.wait(), self._job.max_s)
        except TimeoutError:
            await self._drain()
        self._outcome.seconds = (time.monotonic_ns() - begin) / 1e9
        self._over = True
        self._left = 0
        for connection in list(self._open):
            connection.close()
        self._outcome.requests = len(self._samples)
        self._outcome.latency = summary_us(self._samples)
        return [self._outcome]

    async def _drain(self) -> None:
        """Time is up: nothing new, so that the system under test sees no aborted requests."""
        self._left = 0
        try:
            await asyncio.wait_for(self._done.wait(), GRACE_S)
        except TimeoutError:
            self._outcome.cut = True

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self._answered, self._lost), self._target.host, self._target.port)
        self._open.add(connection)

    def _next(self, connection: Connection) -> None:
        if self._left > 0:
            self._left -= 1
            connection.ask(next(self._requests), time.monotonic_ns())
            return
        connection.due_ns = 0
        if not any(other.due_ns for other in self._open):
            self._done.set()

    def _answered(self, connection: Connection, answer: Answer) -> None:
        taken = time.monotonic_ns() - connection.due_ns
        fault = fault_of(answer, self._target)
        if fault:
            self._note(fault)
        else:
            self._samples.append(taken)
        if answer.keep_alive:
            self._next(connection)
        else:
            connection.due_ns = 0
            connection.close()

    def _lost(self, connection: Connection, reason: str) -> None:
        self._open.discard(connection)
        if self._over:
            return
        if reason:
            self._note(reason)
        if self._left > 0:
            task = asyncio.ensure_future(self._replace())
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)
        elif not any(other.due_ns for other in self._open):
            self._done.set()

    async def _replace(self) -> None:
        try:
            await self._connect()
        except OSError as exc:
            self._note(f"connect: {exc}")
            self._done.set()
            return
        for connection in list(self._open):
            if not connection.due_ns:
                self._next(connection)

    def _note(self, fault: str) -> None:
        self._outcome.fault(fault)
        if self._outcome.failed >= _MAX_ERRORS:
            self._left = 0
            self._done.set()
