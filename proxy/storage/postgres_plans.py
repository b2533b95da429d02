"""Usage plans in Postgres."""

from collections.abc import Sequence

from psycopg.errors import UniqueViolation

from proxy.core.entities import EntityType
from proxy.storage.plan_rows import from_row, to_row
from proxy.storage.plans import Plan, PlanExists, PlanRecords
from proxy.storage.postgres import Connection, PostgresStore

INSERT = """
INSERT INTO plans (tenant, entity_type, entity_id, usage_id, active, created_at, version, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
SELECT_MANY = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE (tenant, entity_type, entity_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
SELECT_KEY = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE entity_type = 'API_KEY' AND entity_id = %s ORDER BY created_at, usage_id LIMIT 1
"""
SELECT_PAGE = """
SELECT tenant, entity_type, entity_id, usage_id, active, created_at, version, document
FROM plans WHERE usage_id > %s AND (%s::text IS NULL OR tenant = %s) AND (%s::text IS NULL OR entity_type = %s)
ORDER BY usage_id LIMIT %s
"""
REPLACE = """
UPDATE plans SET usage_id = %s, active = %s, created_at = %s, version = %s, document = %s
WHERE tenant = %s AND entity_type = %s AND entity_id = %s AND version = %s
"""
DELETE = "DELETE FROM plans WHERE tenant = %s AND entity_type = %s AND entity_id = %s"


class PostgresPlans(PostgresStore):
    async def create(self, plan: Plan) -> None:
        async def insert(connection: Connection) -> None:
            try:
                await connection.execute(INSERT, to_row(plan))
            except UniqueViolation:
                raise PlanExists(f"there is a plan of {plan.entity_type} {plan.entity_id}") from None

        await self._run(insert)

    async def get(self, tenant: str, entity_type: EntityType, entity_id: str) -> Plan | None:
        found = await self.get_many([(tenant, entity_type, entity_id)])
        return found[0] if found else None

    async def get_many(self, entities: Sequence[tuple[str, EntityType, str]]) -> list[Plan]:
        columns = [[entity[place] for entity in entities] for place in range(3)]
        return [from_row(row) for row in await self._rows(SELECT_MANY, *columns)]

    async def by_key(self, key_hash: str) -> Plan | None:
        rows = await self._rows(SELECT_KEY, key_hash)
        return from_row(rows[0]) if rows else None

    async def list(
        self, *, tenant: str | None = None, entity_type: EntityType | None = None, limit: int = 1000, after: str = ""
    ) -> list[Plan]:
        return [from_row(row) for row in await self._rows(SELECT_PAGE, after, tenant, tenant, entity_type, entity_type, limit)]

    async def replace(self, plan: Plan, before: int) -> bool:
        tenant, entity_type, entity_id, *fields = to_row(plan)
        return await self._changed(REPLACE, *fields, tenant, entity_type, entity_id, before) == 1

    async def delete(self, tenant: str, entity_type: EntityType, entity_id: str) -> bool:
        return await self._changed(DELETE, tenant, entity_type, entity_id) == 1


_: type[PlanRecords] = PostgresPlans
