"""Key records in an SQLite file.

All calls of one object run on one thread of its own, so the event loop never waits for the disk. Several processes may share the
file (WAL, busy time-out 5 s). Loss: locked, read-only, corrupt, full or vanished → Unavailable; the next call tries again with a new
connection, so the store heals without a restart. A file that was there and vanished is not made anew: its keys would turn into 401s.

Open it after a fork, never before. Source: https://sqlite.org/wal.html, https://sqlite.org/howtocorrupt.html, read 2026-11-22.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from proxy.core.clock import utc_iso
from proxy.core.errors import Unavailable
from proxy.storage import migrations
from proxy.storage import sqlite_rows as sql
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0


class SqliteRecords:
    """`path`: the file; it and its folder are made on the first call, the file with mode 0600."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    async def create(self, record: KeyRecord) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(sql.INSERT, sql.to_row(record))
            except sqlite3.IntegrityError:
                raise KeyExists(f"API key {record.key_id} exists") from None

        await self._run(insert)

    async def create_first(self, record: KeyRecord) -> bool:
        return await self._run(lambda connection: connection.execute(sql.INSERT_FIRST, sql.to_row(record)).rowcount == 1)

    async def get(self, key_id: str) -> KeyRecord | None:
        def select(connection: sqlite3.Connection) -> KeyRecord | None:
            row = connection.execute(sql.SELECT, (key_id,)).fetchone()
            return sql.from_row(row) if row is not None else None

        return await self._run(select)

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        page = (after, status, tenant, limit)
        return await self._run(lambda connection: [sql.from_row(row) for row in connection.execute(sql.SELECT_PAGE, page)])

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        return await self._run(lambda connection: connection.execute(sql.SET_STATUS, (status, key_id)).rowcount == 1)

    async def touch(self, used: Mapping[str, float]) -> None:
        rows = [(key_id, utc_iso(unix_s)) for key_id, unix_s in used.items()]

        def update(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(sql.TOUCH, rows)
            connection.execute("COMMIT")

        if rows:
            await self._run(update)

    async def meta(self, name: str) -> str | None:
        return await self._run(lambda connection: _meta(connection, name))

    async def meta_once(self, name: str, value: str) -> str:
        def put(connection: sqlite3.Connection) -> str:
            connection.execute(sql.INSERT_META, (name, value))
            return _meta(connection, name) or value

        return await self._run(put)

    async def ping(self) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")

        await self._run(write)

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
        if self._inode is None:
            _make(self.path)
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=self._busy_timeout_s, isolation_level=None
        )
        try:
            _prepare(connection)
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


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a revocation must survive a power cut; there are few writes
    connection.execute("PRAGMA trusted_schema = OFF")
    migrations.apply(connection, migrations.sqlite_migrations())


def _inode(path: Path) -> tuple[int, int]:
    """Tells a file that was replaced under an open connection, which would go on writing into the removed one."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute(sql.SELECT_META, (name,)).fetchone()
    return str(row[0]) if row is not None else None


_: type[KeyRecords] = SqliteRecords
