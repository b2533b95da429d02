"""Usage plans in the AWS lab's own DynamoDB table, which its rows can be read from and ours by it.

    entity_id (S, partition key) · entity_type (S, sort key) · tenant_id (S; index `tenant_index`) · usage_id ·
    budget_id · model_permissions [S] · model_limits {model: limits} · default_limits {input_tpm, output_tpm, rpm} · active ·
    metadata · created_at (N, s)

Ours add `version`, `caps`, `created_at_ms` and further limits. The key has no tenant in it: where two tenants have an entity of the same
type and id, the second's row has the key `{tenant}#{id}`, and the id itself as `own_id`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from proxy.core.entities import EntityType
from proxy.core.errors import Unavailable
from proxy.storage.dynamodb import DynamoStore, Refused, expression
from proxy.storage.dynamodb_values import Item, Items, from_item, to_item, to_value
from proxy.storage.plans import SYSTEM, Plan, PlanExists, PlanRecords
from proxy.storage.shared import lost

TENANT_INDEX = "tenant_index"
LAB_LIMITS = {"input_tpm": 40_000, "output_tpm": 10_000, "rpm": 60}
"""Of a row of the lab's that does not say."""
CREATE_TRIES = 3
_FREE = expression("attribute_not_exists(#id)", id="entity_id")


class DynamoPlans(DynamoStore):
    async def create(self, plan: Plan) -> None:
        table = self._client.url.plans_table
        plain, own = to_plan_item(plan), to_plan_item(plan, own_key=True)
        others = _condition(plan.tenant, False, theirs=True)
        for _ in range(CREATE_TRIES):
            try:
                await self._transact(
                    {"Put": {"TableName": table, "Item": plain, **_FREE}},
                    {"ConditionCheck": {"TableName": table, "Key": _key_of(own), **_FREE}},
                )
                return
            except Refused as refused:
                if 1 in refused.places or await self.get(plan.tenant, plan.entity_type, plan.entity_id) is not None:
                    raise _exists(plan) from None
            with suppress(Refused):
                await self._transact(
                    {"Put": {"TableName": table, "Item": own, **_FREE}},
                    {"ConditionCheck": {"TableName": table, "Key": _key_of(plain), **others}},
                )
                return
        raise lost("another tenant's plan of that id came and went")

    async def get(self, tenant: str, entity_type: EntityType, entity_id: str) -> Plan | None:
        found = await self.get_many([(tenant, entity_type, entity_id)])
        return found[0] if found else None

    async def get_many(self, entities: Sequence[tuple[str, EntityType, str]]) -> list[Plan]:
        wanted = {entity for entity in entities if entity[2]}
        keys = {(id_, type_) for tenant, type_, entity_id in wanted for id_ in (entity_id, f"{tenant}#{entity_id}")}
        items = await self._items([to_item({"entity_id": id_, "entity_type": type_}) for id_, type_ in sorted(keys)])
        plans = map(from_plan_item, items)
        return [plan for plan in plans if (plan.tenant, plan.entity_type, plan.entity_id) in wanted]

    async def by_key(self, key_hash: str) -> Plan | None:
        """The row whose key it is: the lab's own way. The first tenant's of that id has it, and a second is not made (PlanService)."""
        items = await self._items([to_item({"entity_id": key_hash, "entity_type": "API_KEY"})])
        plans = [plan for plan in map(from_plan_item, items) if plan.entity_id == key_hash]
        return plans[0] if plans else None

    async def list(
        self, *, tenant: str | None = None, entity_type: EntityType | None = None, limit: int = 1000, after: str = ""
    ) -> list[Plan]:
        """Reads all of a tenant's, or all: the table knows no order of usage ids."""
        items = await (self._scan(self._client.url.plans_table) if tenant is None or tenant == SYSTEM else self._of_tenant(tenant))
        found = [
            plan
            for plan in map(from_plan_item, items)
            if plan.usage_id > after and tenant in (None, plan.tenant) and entity_type in (None, plan.entity_type)
        ]
        return sorted(found, key=lambda plan: plan.usage_id)[:limit]

    async def replace(self, plan: Plan, before: int) -> bool:
        versions = "#version = :before" + (" OR attribute_not_exists(#version)" if before == 1 else "")
        for own_key in (False, True):
            item = to_plan_item(plan, own_key=own_key)
            condition = _condition(plan.tenant, own_key, f" AND ({versions})", {"before": before}, version="version")
            try:
                await self._call("put_item", TableName=self._client.url.plans_table, Item=item, **condition)
                return True
            except Refused:
                continue
        return False

    async def delete(self, tenant: str, entity_type: EntityType, entity_id: str) -> bool:
        for own_key in (False, True):
            key = to_item({"entity_id": f"{tenant}#{entity_id}" if own_key else entity_id, "entity_type": entity_type})
            try:
                await self._call("delete_item", TableName=self._client.url.plans_table, Key=key, **_condition(tenant, own_key))
                return True
            except Refused:
                continue
        return False

    async def _items(self, keys: Sequence[Item]) -> Items:
        return await self._get_many(self._client.url.plans_table, keys)

    async def _of_tenant(self, tenant: str) -> Items:
        """The index may lag and hold parts only: it gives the keys."""
        page = expression("#tenant = :tenant", {"tenant": tenant}, kind="KeyConditionExpression", tenant="tenant_id")
        found = await self._query(TableName=self._client.url.plans_table, IndexName=TENANT_INDEX, **page)
        return await self._items([_key_of(item) for item in found])


def to_plan_item(plan: Plan, *, own_key: bool = False) -> Item:
    """`own_key`: as the second tenant's row."""
    fields = {
        "entity_id": f"{plan.tenant}#{plan.entity_id}" if own_key else plan.entity_id,
        "entity_type": plan.entity_type,
        "own_id": plan.entity_id if own_key else None,
        "tenant_id": plan.tenant,
        "usage_id": plan.usage_id,
        "model_permissions": plan.model_permissions,
        "default_limits": msgspec.to_builtins(plan.default_limits),
        "model_limits": msgspec.to_builtins(plan.model_limits),
        "caps": msgspec.to_builtins(plan.caps) if plan.caps is not None else None,
        "active": plan.active,
        "metadata": plan.metadata,
        "created_at": int(plan.created_at),
        "created_at_ms": round(plan.created_at * 1e3),
        "version": plan.version,
    }
    return to_item(fields) | {"budget_id": to_value(plan.budget_id)}


def from_plan_item(item: Item) -> Plan:
    """Raises Unavailable for a row that neither the lab nor a release of ours wrote."""
    fields = from_item(item)
    ours = "version" in fields
    entity_id, entity_type = fields.get("entity_id"), fields.get("entity_type")
    try:
        created = fields["created_at_ms"] / 1e3 if "created_at_ms" in fields else float(fields.get("created_at") or 0)
        limits = {name: _limits(value, ours) for name, value in (fields.get("model_limits") or {}).items()}
        given = {
            "usage_id": fields.get("usage_id") or f"{entity_type}#{entity_id}",
            "entity_type": entity_type,
            "entity_id": fields.get("own_id") or entity_id,
            "tenant": fields.get("tenant_id") or SYSTEM,
            "model_permissions": fields["model_permissions"] if fields.get("model_permissions") is not None else ["*"],
            "default_limits": _limits(fields.get("default_limits"), ours),
            "model_limits": limits,
            "caps": fields.get("caps"),
            "budget_id": fields.get("budget_id"),
            "active": fields["active"] if fields.get("active") is not None else True,
            "metadata": fields.get("metadata") or {},
            "created_at": created,
            "version": fields.get("version", 1),
        }
        return msgspec.convert(given, Plan)
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError) as exc:
        raise Unavailable(f"the plan of {entity_type} {entity_id} is unreadable: {exc}") from exc


def _limits(value: dict[str, Any] | None, ours: bool) -> dict[str, Any]:
    return (value or {}) if ours else LAB_LIMITS | {name: number for name, number in (value or {}).items() if number is not None}


def _condition(
    tenant: str, own_key: bool, more: str = "", values: dict[str, Any] | None = None, *, theirs: bool = False, **names: str
) -> dict[str, Any]:
    """The row is there and that tenant's; `theirs`: and is not."""
    tenants = "#tenant = :tenant" + (" OR attribute_not_exists(#tenant)" if tenant == SYSTEM and not own_key else "")
    owned = "attribute_exists(#own)" if own_key else "attribute_not_exists(#own)"
    return expression(
        f"attribute_exists(#id) AND {'NOT ' if theirs else ''}(({tenants}) AND {owned}{more})",
        {"tenant": tenant} | (values or {}),
        id="entity_id",
        tenant="tenant_id",
        own="own_id",
        **names,
    )


def _key_of(item: Item) -> Item:
    return {name: item[name] for name in ("entity_id", "entity_type")}


def _exists(plan: Plan) -> PlanExists:
    return PlanExists(f"there is a plan of {plan.entity_type} {plan.entity_id}")


_: type[PlanRecords] = DynamoPlans
