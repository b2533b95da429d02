"""Issued answers in the SQLite file of the record store, by a connection of their own: they are written with every answer, and keys must
not wait for them."""

import sqlite3

from proxy.core.clock import utc_iso
from proxy.storage.response_rows import from_row, to_row
from proxy.storage.responses import ResponseRecord, ResponseRecords
from proxy.storage.sqlite_file import SqliteFile

PUT = """
INSERT INTO responses (tenant, response_id, key_id, asked, provider, model, account, at_provider, created_at, expires_at, kept)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, response_id) DO UPDATE SET key_id = excluded.key_id, asked = excluded.asked, provider = excluded.provider,
model = excluded.model, account = excluded.account, at_provider = excluded.at_provider, created_at = excluded.created_at,
expires_at = excluded.expires_at, kept = excluded.kept
"""
SELECT = """
SELECT tenant, response_id, key_id, asked, provider, model, account, at_provider, created_at, expires_at, kept
FROM responses WHERE tenant = ? AND response_id = ? AND expires_at > ?
"""
DELETE = "DELETE FROM responses WHERE tenant = ? AND response_id = ?"
PURGE = """
DELETE FROM responses WHERE (tenant, response_id) IN (SELECT tenant, response_id FROM responses WHERE expires_at <= ? LIMIT ?)
"""
PURGED_AT_ONCE = 500
"""So that nobody waits long for the write lock."""


class SqliteResponses(SqliteFile):
    """The latest may be lost in a power cut: then they are unknown, and a client sends its whole input."""

    synchronous = "NORMAL"

    async def put(self, record: ResponseRecord) -> None:
        row = to_row(record)
        await self._run(lambda connection: connection.execute(PUT, row))

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        def select(connection: sqlite3.Connection) -> ResponseRecord | None:
            row = connection.execute(SELECT, (tenant, response_id, utc_iso(now))).fetchone()
            return from_row(row) if row is not None else None

        return await self._run(select)

    async def delete(self, tenant: str, response_id: str) -> bool:
        return await self._run(lambda connection: connection.execute(DELETE, (tenant, response_id)).rowcount == 1)

    async def purge(self, now: float) -> int:
        if self._inode is None and not self.path.exists():
            return 0  # nothing was ever issued: no reason to make the file
        gone = 0
        while True:
            some = await self._run(lambda connection: connection.execute(PURGE, (utc_iso(now), PURGED_AT_ONCE)).rowcount)
            gone += some
            if some < PURGED_AT_ONCE:
                return gone


_: type[ResponseRecords] = SqliteResponses
