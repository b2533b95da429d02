"""Usage plans in a dict: for the demo and for tests. Lost with the process."""

from collections.abc import Sequence

from proxy.core.entities import EntityType
from proxy.core.errors import Unavailable
from proxy.storage.plans import Plan, PlanExists, PlanRecords


class MemoryPlans:
    """`fail(True)` makes every call raise Unavailable until `fail(False)`: the supported switch for outage tests."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, EntityType, str], Plan] = {}
        self._failing = False
        self._closed = False

    def fail(self, failing: bool) -> None:
        self._failing = failing

    async def create(self, plan: Plan) -> None:
        self._check()
        if _key(plan) in self._plans:
            raise PlanExists(f"there is a plan of {plan.entity_type} {plan.entity_id}")
        self._plans[_key(plan)] = plan

    async def get(self, tenant: str, entity_type: EntityType, entity_id: str) -> Plan | None:
        self._check()
        return self._plans.get((tenant, entity_type, entity_id))

    async def get_many(self, entities: Sequence[tuple[str, EntityType, str]]) -> list[Plan]:
        self._check()
        return [self._plans[entity] for entity in dict.fromkeys(entities) if entity in self._plans]

    async def by_key(self, key_hash: str) -> Plan | None:
        self._check()
        found = [plan for (_, kind, id_), plan in self._plans.items() if id_ == key_hash and kind == "API_KEY"]
        return min(found, key=lambda plan: (plan.created_at, plan.usage_id), default=None)

    async def list(
        self, *, tenant: str | None = None, entity_type: EntityType | None = None, limit: int = 1000, after: str = ""
    ) -> list[Plan]:
        self._check()
        found = [
            plan
            for plan in self._plans.values()
            if plan.usage_id > after and tenant in (None, plan.tenant) and entity_type in (None, plan.entity_type)
        ]
        return sorted(found, key=lambda plan: plan.usage_id)[:limit]

    async def replace(self, plan: Plan, before: int) -> bool:
        self._check()
        stored = self._plans.get(_key(plan))
        if stored is None or stored.version != before:
            return False
        self._plans[_key(plan)] = plan
        return True

    async def delete(self, tenant: str, entity_type: EntityType, entity_id: str) -> bool:
        self._check()
        return self._plans.pop((tenant, entity_type, entity_id), None) is not None

    async def aclose(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed or self._failing:
            raise Unavailable("the record store is not available", retry_after_s=1.0)


def _key(plan: Plan) -> tuple[str, EntityType, str]:
    return plan.tenant, plan.entity_type, plan.entity_id


_: type[PlanRecords] = MemoryPlans
