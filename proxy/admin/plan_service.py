"""The life of usage plans. The admin API, the AWS lab's doors and the command line go through here, so that every change is checked,
stored once, told to every process, and leaves an event."""

import uuid
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from proxy.admin.answer import check_version
from proxy.admin.events import AdminEvent, AdminEvents
from proxy.admin.key_service import TRIES, Actor
from proxy.admin.plan_fields import whole_plan
from proxy.core.clock import Clock
from proxy.core.entities import Caps, EntityType
from proxy.core.errors import Conflict, NotFound
from proxy.core.keys import is_sha256
from proxy.storage.plans import Plan, PlanExists, PlanRecords

_SILENT = frozenset({"metadata", "version"})


class Notices(Protocol):
    def changed(self, tenant: str, at: float) -> None: ...


class PlanService:
    def __init__(self, records: PlanRecords, clock: Clock, notices: Notices, events: AdminEvents) -> None:
        self._records = records
        self._clock = clock
        self._notices = notices
        self._events = events

    async def get(self, actor: Actor, tenant: str, kind: EntityType, id_: str) -> Plan:
        """Raises NotFound, for another tenant's too."""
        plan = await self._records.get(tenant, kind, id_) if actor.tenant in (None, tenant) else None
        if plan is None:
            raise no_plan(kind, id_)
        return plan

    async def create(self, actor: Actor, tenant: str, kind: EntityType, id_: str, content: dict[str, Any], usage_id: str = "") -> Plan:
        """Raises PlanExists; NotFound where the actor administers another tenant."""
        check_tenant(actor, tenant)
        if kind == "API_KEY" and is_sha256(id_):
            other = await self._records.by_key(id_.lower())
            if other is not None and other.tenant != tenant:  # it can be one tenant's alone: nobody could tell whose the key is
                raise PlanExists("there is a plan of this key in another tenant")
        usage_id = usage_id or str(uuid.uuid4())
        plan = Plan(usage_id=usage_id, entity_type=kind, entity_id=id_, tenant=tenant, created_at=self._clock.time(), **content)
        await self._records.create(plan)
        self._told("plan.created", plan, actor, whole_plan(plan))
        return plan

    async def change(
        self, actor: Actor, tenant: str, kind: EntityType, id_: str, edit: Callable[[Plan], Plan], *, expected: int | None = None
    ) -> Plan:
        """`edit` gives the plan as it is wanted; one that changes nothing leaves no trace. Raises NotFound, VersionConflict, Conflict."""
        for _ in range(TRIES):
            before = await self.get(actor, tenant, kind, id_)
            check_version(expected, before.version)
            wanted = edit(before)
            if wanted == before:
                return before
            wanted = msgspec.structs.replace(wanted, version=before.version + 1)
            if await self._records.replace(wanted, before.version):
                old = whole_plan(before)
                self._told("plan.updated", wanted, actor, {k: v for k, v in whole_plan(wanted).items() if v != old[k]})
                return wanted
        raise Conflict(
            f"the plan of {kind} {id_} is being changed by others all the time: send it again", code="changed_meanwhile", retryable=True
        )

    async def delete(self, actor: Actor, tenant: str, kind: EntityType, id_: str, *, expected: int | None = None) -> None:
        plan = await self.get(actor, tenant, kind, id_)
        check_version(expected, plan.version)
        if not await self._records.delete(tenant, kind, id_):
            raise no_plan(kind, id_)
        self._told("plan.deleted", plan, actor, {})

    async def set_cap(self, actor: Actor, tenant: str, monthly: int) -> Plan:
        """The tenant's own plan, made where there is none yet. Nano-USD."""

        def edit(plan: Plan) -> Plan:
            return msgspec.structs.replace(plan, caps=msgspec.structs.replace(plan.caps or Caps(), monthly=monthly))

        try:
            return await self.change(actor, tenant, "TENANT", tenant, edit)
        except NotFound:
            try:
                return await self.create(actor, tenant, "TENANT", tenant, {"caps": Caps(monthly=monthly)})
            except PlanExists:
                return await self.change(actor, tenant, "TENANT", tenant, edit)

    def _told(self, action: str, plan: Plan, actor: Actor, changes: dict[str, Any]) -> None:
        now = self._clock.time()
        self._notices.changed(plan.tenant, now)
        self._events.emit(
            AdminEvent(
                action=action,
                subject=f"{plan.entity_type}/{plan.entity_id}",
                tenant=plan.tenant,
                actor=actor.key_id,
                at=now,
                trace_id=actor.trace_id,
                changes={name: value for name, value in changes.items() if name not in _SILENT},
            )
        )


def check_tenant(actor: Actor, tenant: str) -> None:
    """Raises NotFound where the actor administers another one."""
    if actor.tenant not in (None, tenant):
        raise NotFound(f"no tenant '{tenant[:100]}'")


def no_plan(kind: str, id_: str) -> NotFound:
    return NotFound(f"plan of {kind} {id_[:128]} not found", code="plan_not_found")
