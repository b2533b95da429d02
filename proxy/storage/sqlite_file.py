"""An SQLite file on a thread of its own: what the stores over it share.

All calls of one object run on one thread of its own, so the event loop never waits for the disk. Several processes may share the
file (WAL, busy time-out 5 s). Loss: locked, read-only, corrupt, full or vanished → Unavailable; the next call tries again with a new
connection, so the store heals without a restart. A file that was there and vanished is not made anew: its keys would turn into 401s.

Open it after a fork, never before. Source: https://sqlite.org/wal.html, https://sqlite.org/howtocorrupt.html, read 2026-11-22.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

from proxy.core.errors import Unavailable
from proxy.storage import migrations

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0


class SqliteFile:
    """`path`: the file; it and its folder are made on the first call, the file with mode 0600."""

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """NORMAL: the latest writes may be lost in a power cut (not in a crash of the process), and a write waits for no disk."""

    cache_kb = 2000
    """Pages that a connection keeps: SQLite's default."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S, beside: "SqliteFile | None" = None) -> None:
        """`beside`: another store over the same file: a file that it has seen is not made anew by this one either."""
        self.path = path
        self._beside = beside
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise Unavailable("the record store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """On the store's thread. A foreign exception ends the connection: the next call starts afresh."""
        try:
            return work(self._connected())
        except (sqlite3.Error, OSError) as exc:
            self._disconnect()
            raise Unavailable(f"the record store is not available: {exc}", retry_after_s=1.0) from exc

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._inode == _inode(self.path):
                return self._connection
            self._disconnect()
        if self._inode is None and (self._beside is None or self._beside._inode is None):
            _make(self.path)
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=self._busy_timeout_s, isolation_level=None
        )
        try:
            to_wal(connection, self._busy_timeout_s)
            _prepare(connection, self.synchronous, self.cache_kb)
            self._inode = _inode(self.path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _make(path: Path) -> None:
    """An empty file that only its owner may read; SQLite gives its -wal and -shm the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def to_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Of those that open a new file at once all but one may be refused, without the busy time-out: they would wait for each other."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _prepare(connection: sqlite3.Connection, synchronous: str, cache_kb: int) -> None:
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = -{cache_kb}")
    connection.execute("PRAGMA trusted_schema = OFF")
    migrations.apply(connection, migrations.sqlite_migrations())


def _inode(path: Path) -> tuple[int, int]:
    """Tells a file that was replaced under an open connection, which would go on writing into the removed one."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
