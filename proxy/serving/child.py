"""One worker process as its supervisor sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from proxy.serving.control import CallFailed, Channel, Handler
from proxy.serving.options import Launch
from proxy.telemetry.snapshot import Snapshot, decode_snapshot

SNAPSHOT_S = 1.0


class Child:
    """Started on construction by fork and exec of this interpreter; `exited` resolves to its exit code (negative: a signal's number)."""

    def __init__(self, number: int, listeners: Sequence[socket.socket], handler: Handler) -> None:
        self.number = number
        self.ready = False
        self.launch: Launch | None = None
        """What it was told, or has taken since."""
        self.started = time.monotonic()
        self.latest: Snapshot = ()
        """Its last known values."""
        ours, theirs = socket.socketpair()
        with theirs:
            fds = [theirs.fileno(), *(sock.fileno() for sock in listeners)]
            command = [sys.executable, "-m", "proxy.serving.worker", *map(str, fds)]
            self.process = subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL)  # noqa: S603 - this interpreter, our module
        self.channel = Channel(ours, handler)
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def run(self, launch: Launch) -> None:
        """Until the channel ends, and then the process with it."""
        self.launch = launch
        reader = await self.channel.open()
        self.channel.note("launch", msgspec.msgpack.encode(launch))
        await self.channel.run(reader)
        code = await asyncio.get_running_loop().run_in_executor(None, self.process.wait)
        if not self.exited.done():
            self.exited.set_result(code)

    async def snapshot(self) -> Snapshot:
        """Its values now, or the last known ones if it does not answer in time."""
        if self.ready:
            try:
                self.latest = decode_snapshot(await self.channel.call("snapshot", timeout_s=SNAPSHOT_S))
            except (CallFailed, msgspec.DecodeError):
                return self.latest
        return self.latest

    def kill(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended, and somebody else has been told
                os.kill(self.pid, signal.SIGKILL)
