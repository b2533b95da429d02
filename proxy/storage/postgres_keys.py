"""Key records in Postgres."""

import sqlite3
from collections.abc import Mapping

from psycopg.errors import UniqueViolation

from proxy.core.clock import utc_iso
from proxy.core.errors import Unavailable
from proxy.storage.postgres import Connection, PostgresStore, Row
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus
from proxy.storage.sqlite_rows import from_row, to_row

FIRST_KEY_LOCK = 0x6C6C6D65_64676501
"""`llmedge` and a number, as all locks of ours in a database that may hold others'."""

INSERT = """
INSERT INTO keys (key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_FIRST = """
INSERT INTO keys (key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more)
SELECT %s, %s, %s, %s, %s, %s::timestamptz, %s::timestamptz, %s::timestamptz, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s::jsonb
WHERE NOT EXISTS (SELECT 1 FROM keys)
"""
SELECT = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_id = %s
"""
SELECT_BY_HASH = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_hash = %s
"""
SELECT_PAGE = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_id > %s AND (%s::text IS NULL OR status = %s) AND (%s::text IS NULL OR tenant = %s) ORDER BY key_id LIMIT %s
"""
SET_STATUS = "UPDATE keys SET status = %s, version = version + 1 WHERE key_id = %s"
REPLACE = """
UPDATE keys SET tenant = %s, role = %s, name = %s, status = %s, created_at = %s, expires_at = %s, last_used = coalesce(last_used, %s),
    key_hash = %s, scopes = %s, models = %s, metadata = %s, version = %s, more = %s
WHERE key_id = %s AND version = %s
"""
TOUCH = """
WITH used AS (SELECT * FROM unnest(%s::text[], %s::timestamptz[]) AS u (key_id, at)),
     held AS (SELECT key_id FROM keys WHERE key_id IN (SELECT key_id FROM used) ORDER BY key_id FOR UPDATE)
UPDATE keys SET last_used = used.at FROM used JOIN held USING (key_id)
WHERE keys.key_id = used.key_id AND (keys.last_used IS NULL OR keys.last_used < used.at)
"""
"""Locks in the order of ids: replicas write at once, and two that lock in different orders would wait for one another."""
SELECT_META = "SELECT value FROM meta WHERE name = %s"
INSERT_META = "INSERT INTO meta (name, value) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING"


class PostgresRecords(PostgresStore):
    async def create(self, record: KeyRecord) -> None:
        async def insert(connection: Connection) -> None:
            try:
                await connection.execute(INSERT, to_row(record))
            except UniqueViolation:
                raise KeyExists(f"API key {record.key_id} exists") from None

        await self._run(insert)

    async def create_first(self, record: KeyRecord) -> bool:
        return await self._changed_alone(FIRST_KEY_LOCK, (INSERT_FIRST, to_row(record))) == 1

    async def get(self, key_id: str) -> KeyRecord | None:
        return _one(await self._rows(SELECT, key_id))

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        return [_record(row) for row in await self._rows(SELECT_PAGE, after, status, status, tenant, tenant, limit)]

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        return await self._changed(SET_STATUS, status, key_id) == 1

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        return _one(await self._rows(SELECT_BY_HASH, key_hash))

    async def replace(self, record: KeyRecord, before: int) -> bool:
        key_id, *fields = to_row(record)
        return await self._changed(REPLACE, *fields, key_id, before) == 1

    async def touch(self, used: Mapping[str, float]) -> None:
        if used:
            await self._changed(TOUCH, list(used), [utc_iso(unix_s) for unix_s in used.values()])

    async def meta(self, name: str) -> str | None:
        rows = await self._rows(SELECT_META, name)
        return str(rows[0][0]) if rows else None

    async def meta_once(self, name: str, value: str) -> str:
        async def put(connection: Connection) -> str:
            await connection.execute(INSERT_META, (name, value))
            row = await (await connection.execute(SELECT_META, (name,))).fetchone()
            return str(row[0]) if row is not None else value

        return await self._run(put)


def _one(rows: list[Row]) -> KeyRecord | None:
    return _record(rows[0]) if rows else None


def _record(row: Row) -> KeyRecord:
    try:
        return from_row(row)
    except sqlite3.DataError as exc:
        raise Unavailable(str(exc)) from exc


_: type[KeyRecords] = PostgresRecords
