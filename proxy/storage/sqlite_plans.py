"""Usage plans in the SQLite file of the record store."""

import sqlite3
from collections.abc import Sequence

from proxy.core.entities import EntityType
from proxy.storage.plan_rows import from_row, to_row
from proxy.storage.plans import Plan, PlanExists, PlanRecords
from proxy.storage.sqlite_file import SqliteFile

INSERT = """
INSERT INTO plans (tenant, entity_type, entity_id, usage_id, active, created_at, version, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
SELECT = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE tenant = ? AND entity_type = ? AND entity_id = ?
"""
SELECT_KEY = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE entity_type = 'API_KEY' AND entity_id = ? ORDER BY created_at, usage_id LIMIT 1
"""
SELECT_PAGE = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE usage_id > ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR entity_type = ?3) ORDER BY usage_id LIMIT ?4
"""
REPLACE = """
UPDATE plans SET usage_id = ?4, active = ?5, created_at = ?6, version = ?7, document = ?8
WHERE tenant = ?1 AND entity_type = ?2 AND entity_id = ?3 AND version = ?9
"""
DELETE = "DELETE FROM plans WHERE tenant = ? AND entity_type = ? AND entity_id = ?"


class SqlitePlans(SqliteFile):
    """Synchronised in full: what was forbidden must stay forbidden after a power cut, and there are few writes."""

    async def create(self, plan: Plan) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(INSERT, to_row(plan))
            except sqlite3.IntegrityError:
                raise PlanExists(f"there is a plan of {plan.entity_type} {plan.entity_id}") from None

        await self._run(insert)

    async def get(self, tenant: str, entity_type: EntityType, entity_id: str) -> Plan | None:
        found = await self.get_many([(tenant, entity_type, entity_id)])
        return found[0] if found else None

    async def get_many(self, entities: Sequence[tuple[str, EntityType, str]]) -> list[Plan]:
        def select(connection: sqlite3.Connection) -> list[Plan]:
            rows = (connection.execute(SELECT, entity).fetchone() for entity in dict.fromkeys(entities))
            return [from_row(row) for row in rows if row is not None]

        return await self._run(select)

    async def by_key(self, key_hash: str) -> Plan | None:
        rows = await self._run(lambda connection: connection.execute(SELECT_KEY, (key_hash,)).fetchall())
        return from_row(rows[0]) if rows else None

    async def list(
        self, *, tenant: str | None = None, entity_type: EntityType | None = None, limit: int = 1000, after: str = ""
    ) -> list[Plan]:
        page = (after, tenant, entity_type, limit)
        return await self._run(lambda connection: [from_row(row) for row in connection.execute(SELECT_PAGE, page)])

    async def replace(self, plan: Plan, before: int) -> bool:
        row = to_row(plan)
        return await self._run(lambda connection: connection.execute(REPLACE, (*row, before)).rowcount == 1)

    async def delete(self, tenant: str, entity_type: EntityType, entity_id: str) -> bool:
        return await self._run(lambda connection: connection.execute(DELETE, (tenant, entity_type, entity_id)).rowcount == 1)


_: type[PlanRecords] = SqlitePlans
