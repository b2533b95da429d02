"""The scripted set in a process of its own: `python -m benchmarks.faults.worker SEATS`, one order a line on stdin, one reply a line on
stdout; it ends with its input.

    with ScriptedSet(3) as up:
        up.play([Member(name="a"), …], seed=1)
        …
        up.calls()
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

import msgspec

from benchmarks.faults.script import Member
from benchmarks.faults.upstream import UpstreamSet
from benchmarks.faults.wire import WireCall
from benchmarks.load.__main__ import new_loop
from benchmarks.processes import pinned


class Order(msgspec.Struct):
    """`members` None: what has arrived is asked for."""

    members: list[Member] | None = None
    seed: int = 1


class Reply(msgspec.Struct):
    ports: list[int] = []
    dead_port: int = 0
    calls: list[WireCall] = []


class ScriptedSet:
    def __init__(self, seats: int, cores: Sequence[int] = ()) -> None:
        with pinned(cores):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.faults.worker", str(seats)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        hello = self._reply()
        self._ports, self._dead = hello.ports, hello.dead_port

    def ports(self, members: Sequence[Member]) -> dict[str, int]:
        """Where they will be when they play; the same for every script."""
        return {member.name: self._dead if member.refuses else self._ports[i] for i, member in enumerate(members)}

    def play(self, members: Sequence[Member], seed: int) -> None:
        """From now on, from the script's beginning and with an empty log."""
        self._ask(Order(list(members), seed))

    def calls(self) -> list[WireCall]:
        return self._ask(Order()).calls

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, order: Order) -> Reply:
        if self._process.stdin is None:
            raise RuntimeError("the scripted set has no pipe")
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> Reply:
        line = b"" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            raise RuntimeError("the scripted set ended")
        return msgspec.json.decode(line, type=Reply)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


async def _serve(seats: int) -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with UpstreamSet(seats) as up:
        _say(Reply(up.ports, up.dead_port))
        while line := await reader.readline():
            order = msgspec.json.decode(line, type=Order)
            if order.members is None:
                _say(Reply(calls=up.log.calls))
            else:
                up.play(order.members, order.seed)
                _say(Reply())


def _say(reply: Reply) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
