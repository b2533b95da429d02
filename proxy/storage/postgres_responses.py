"""Issued answers in Postgres."""

from proxy.core.clock import utc_iso
from proxy.storage.postgres import PostgresStore
from proxy.storage.response_rows import from_row, to_row
from proxy.storage.responses import ResponseRecord, ResponseRecords

PUT = """
INSERT INTO responses (tenant, response_id, key_id, asked, provider, model, account, at_provider, created_at, expires_at, kept)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant, response_id) DO UPDATE SET key_id = excluded.key_id, asked = excluded.asked, provider = excluded.provider,
model = excluded.model, account = excluded.account, at_provider = excluded.at_provider, created_at = excluded.created_at,
expires_at = excluded.expires_at, kept = excluded.kept
"""
SELECT = """
SELECT tenant, response_id, key_id, asked, provider, model, account, at_provider, created_at, expires_at, kept
FROM responses WHERE tenant = %s AND response_id = %s AND expires_at > %s
"""
DELETE = "DELETE FROM responses WHERE tenant = %s AND response_id = %s"
PURGE = """
DELETE FROM responses WHERE (tenant, response_id) IN (
    SELECT tenant, response_id FROM responses WHERE expires_at <= %s LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
PURGED_AT_ONCE = 1000
"""So that each statement ends within its time-out; rows that another gateway is purging are left to it."""


class PostgresResponses(PostgresStore):
    async def put(self, record: ResponseRecord) -> None:
        await self._changed(PUT, *to_row(record))

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        rows = await self._rows(SELECT, tenant, response_id, utc_iso(now))
        return from_row(rows[0]) if rows else None

    async def delete(self, tenant: str, response_id: str) -> bool:
        return await self._changed(DELETE, tenant, response_id) == 1

    async def purge(self, now: float) -> int:
        gone = 0
        while True:
            some = await self._changed(PURGE, utc_iso(now), PURGED_AT_ONCE)
            gone += some
            if some < PURGED_AT_ONCE:
                return gone


_: type[ResponseRecords] = PostgresResponses
