"""A worker process from its supervisor's side; the worker's own side is exercised with it."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.serving.child import Child
from proxy.serving.control import CallFailed
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.sockets import address_of, bind

LAUNCH = Launch(
    options=ServeOptions(drain_delay_s=0.0, grace_s=2.0, log_level="off", access_log=False), app="tests.support.served_app:open_app"
)


class Started:
    def __init__(self, child: Child, listener: socket.socket) -> None:
        self.child = child
        self.port = address_of(listener)[1]
        self.ready = asyncio.Event()
        self.last = b""


@asynccontextmanager
async def started(launch: Launch = LAUNCH) -> AsyncIterator[Started]:
    """A worker that has been told what to serve."""
    tasks = TaskSupervisor()
    (listener,) = bind("127.0.0.1", 0)

    async def handle(op: str, data: bytes) -> bytes:
        if op == "ready":
            what.child.ready = True
            what.ready.set()
        elif op == "last":
            what.last = data
        return b""

    child = Child(0, [listener], handle)
    what = Started(child, listener)
    tasks.start(child.run(launch), name="child")
    try:
        yield what
    finally:
        child.kill()
        async with asyncio.timeout(30):
            await child.exited
        await tasks.close(grace_s=5.0)
        listener.close()


async def test_a_worker_s_life() -> None:
    """Ready, values, drain, last values, exit 0."""
    async with started() as what:
        async with asyncio.timeout(30):
            await what.ready.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", what.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        snapshot = await what.child.snapshot()
        assert [s.values for s in snapshot if s.family == "llm_edge_requests_total"] == [(1.0,)]
        what.child.channel.note("drain")
        async with asyncio.timeout(30):
            assert await what.child.exited == 0
        assert what.last


async def test_calls_that_a_worker_refuses() -> None:
    """Unknown ones."""
    async with started() as what:
        async with asyncio.timeout(30):
            await what.ready.wait()
        with pytest.raises(CallFailed, match="unknown operation 'dance'"):
            await what.child.channel.call("dance")


async def test_the_last_known_values_stand_in() -> None:
    """For a worker that does not answer."""
    async with started() as what:
        async with asyncio.timeout(30):
            await what.ready.wait()
        known = await what.child.snapshot()
        what.child.kill()
        async with asyncio.timeout(30):
            await what.child.exited
        assert await what.child.snapshot() == known
        what.child.kill()


async def test_a_worker_ends_with_its_channel() -> None:
    """Even before it was told what to serve."""
    ours, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.serving.worker", str(theirs.fileno()), pass_fds=[theirs.fileno()]
    )
    theirs.close()
    ours.close()
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_wrong_settings_are_an_exit_code_of_their_own() -> None:
    """2, as on the command line."""
    launch = Launch(options=LAUNCH.options, overrides={"server": {"port": "no"}})
    async with started(launch) as what, asyncio.timeout(30):
        assert await what.child.exited == 2
