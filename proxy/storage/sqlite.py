"""Key records in an SQLite file."""

import sqlite3
from collections.abc import Mapping

from proxy.core.clock import utc_iso
from proxy.storage import sqlite_rows as sql
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus
from proxy.storage.sqlite_file import SqliteFile


class SqliteRecords(SqliteFile):
    """Synchronised in full: a revocation must survive a power cut, and there are few writes."""

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

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        def select(connection: sqlite3.Connection) -> KeyRecord | None:
            row = connection.execute(sql.SELECT_BY_HASH, (key_hash,)).fetchone()
            return sql.from_row(row) if row is not None else None

        return await self._run(select)

    async def replace(self, record: KeyRecord, before: int) -> bool:
        row = sql.to_row(record)
        return await self._run(lambda connection: connection.execute(sql.REPLACE, (*row, before)).rowcount == 1)

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


def _meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute(sql.SELECT_META, (name,)).fetchone()
    return str(row[0]) if row is not None else None


_: type[KeyRecords] = SqliteRecords
