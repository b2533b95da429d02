"""`/v1/admin/plans`, tenants' budgets, and the AWS lab's two doors (`/create-key`, `/revoke-key`). A tenant's administrator sees and
changes its tenant alone."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin.access import is_global
from proxy.admin.answer import Message, answer, context, expected_version, parameter
from proxy.admin.events import AdminEvents
from proxy.admin.idempotent_keys import HEADER
from proxy.admin.idempotent_plans import IdempotentPlan
from proxy.admin.key_fields import Id
from proxy.admin.key_service import Actor
from proxy.admin.plan_fields import UsagePlan, WholePlan, cap_nanos, content, entity_type, plan_view, read_plan, usage_plan
from proxy.admin.plan_service import PlanService, check_tenant
from proxy.core.clock import Clock
from proxy.core.context import RequestContext
from proxy.core.entities import EntityType, Limits
from proxy.core.errors import InvalidField, NotFound, Unauthenticated
from proxy.core.keys import is_agent_key, is_sha256, sha256_hex
from proxy.core.money import usd
from proxy.governance.plans.book import PlanNotices
from proxy.settings.suggest import did_you_mean
from proxy.storage.hot.board import Board
from proxy.storage.plans import SYSTEM, Plan, PlanRecords
from proxy.storage.records import KeyRecords

PAGE = 1000
LAB_LIMITS = Limits(input_tpm=40_000, output_tpm=10_000, rpm=60)
"""Of plans made through the AWS lab's door, where it is not said otherwise."""
MIN_KEY_CHARS = 16
"""Shorter ones can be guessed."""
REQUIRED = ("entity_type", "entity_id")
"""Of the body of a new plan."""
LIST_QUERY: dict[str, Any] = {
    "tenant_id": Id,
    "entity_type": EntityType,
    "limit": Annotated[int, Meta(ge=1, le=PAGE)],
    "after": str,
}
ONE_QUERY: dict[str, Any] = {"tenant_id": Id}
BUDGET_QUERY: dict[str, Any] = {"monthly_cap": Annotated[float, Meta(ge=0, le=1_000_000_000)]}


class PlanPage(msgspec.Struct, frozen=True, kw_only=True):
    plans: list[WholePlan]
    next: str | None
    """For `after`; null: there are no more."""


class BudgetSet(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    monthly_cap: float


class PlanMade(msgspec.Struct, frozen=True):
    plan: UsagePlan


class PlanStopped(msgspec.Struct, frozen=True):
    success: bool


class PlanRoutes:
    def __init__(
        self,
        records: PlanRecords,
        keys: KeyRecords,
        board: Board,
        clock: Clock,
        events: AdminEvents,
        ttl_s: Callable[[], float],
    ) -> None:
        """`ttl_s`: how long plans are believed."""
        self._records = records
        self._keys = keys
        self._board = board
        self._clock = clock
        self._events = events
        self._ttl_s = ttl_s

    def handlers(self) -> dict[str, ASGIApp]:
        """By the names that the table of routes has."""
        return {
            "admin_plan_create": self.create,
            "admin_plans": self.list,
            "admin_plan": self.one,
            "admin_plan_replace": self.replace,
            "admin_plan_delete": self.delete,
            "admin_tenant_budget": self.budget,
            "create_plan_key": self.create_key,
            "revoke_plan_key": self.revoke_key,
        }

    async def tenant_cap(self, tenant: str) -> int | None:
        """Of a tenant's own plan, with what it is raised by now, in nano-USD."""
        plan = await self._records.get(tenant, "TENANT", tenant)
        caps = plan.caps if plan is not None else None
        if caps is None or caps.monthly is None:
            return None
        more = caps.raised.nanos if caps.raised is not None and caps.raised.until > self._clock.time() else 0
        return caps.monthly + more

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        actor, body = _actor(ctx), read_plan(ctx.json)
        if body.version is not None:
            raise InvalidField("a plan that is being made has none yet", "version")
        kind, id_ = _entity(body.entity_type, body.entity_id)
        tenant = body.tenant_id or await self._tenant(actor, kind, id_)
        if kind == "TENANT" and tenant != id_:
            raise InvalidField("a tenant's own plan belongs to itself", "tenant_id")
        await self._answer(send, await self._make(ctx, actor, tenant, kind, id_, content(body, self._clock.time())))

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`?tenant_id=&entity_type=&limit=&after=`: `{plans, next}`, ordered by usage_id."""
        ctx = context(scope)
        actor, asked = _actor(ctx), _query(ctx, LIST_QUERY)
        kind = entity_type(asked["entity_type"]) if "entity_type" in asked else None
        text = asked.get("limit", "100")
        limit = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        if not 0 < limit <= PAGE:
            raise InvalidField(f"must be a whole number from 1 to {PAGE}", "limit")
        found: list[Plan] = []
        if actor.tenant in (None, asked.get("tenant_id", actor.tenant)):
            tenant = actor.tenant or asked.get("tenant_id")
            found = await self._records.list(tenant=tenant, entity_type=kind, limit=limit + 1, after=asked.get("after", ""))
        following = None
        if len(found) > limit:
            found = found[:limit]
            following = found[-1].usage_id
            query = urlencode({**asked, "limit": limit, "after": following})
            ctx.headers_out.append((b"link", f'<{ctx.raw_path}?{query}>; rel="next"'.encode()))
        await answer(send, PlanPage(plans=[plan_view(plan) for plan in found], next=following))

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        actor = _actor(ctx)
        await self._answer(send, await self._service().get(actor, *await self._named(ctx, actor)))

    async def replace(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole plan: what is left out becomes the default. `If-Match`, or `version` in the body."""
        ctx = context(scope)
        actor, body = _actor(ctx), read_plan(ctx.json)
        tenant, kind, id_ = await self._named(ctx, actor)
        for name, value, there in (
            ("entity_type", body.entity_type, kind),
            ("entity_id", body.entity_id, id_),
            ("tenant_id", body.tenant_id, tenant),
        ):
            if value is not None and value != there:
                raise InvalidField("is not what the path says: make another plan", name)
        wanted = content(body, self._clock.time())
        expected = expected_version(ctx, ctx.json)
        plan = await self._service().change(
            actor, tenant, kind, id_, lambda plan: msgspec.structs.replace(plan, **wanted), expected=expected
        )
        await self._answer(send, plan)

    async def delete(self, scope: Scope, receive: Receive, send: Send) -> None:
        ctx = context(scope)
        actor = _actor(ctx)
        tenant, kind, id_ = await self._named(ctx, actor)
        await self._service().delete(actor, tenant, kind, id_, expected=expected_version(ctx, {}))
        await answer(send, Message(f"plan of {kind} {id_} deleted"))

    async def budget(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`?monthly_cap=`, in USD, without a body (A)."""
        ctx = context(scope)
        actor, tenant = _actor(ctx), parameter(ctx, "tenant")
        check_tenant(actor, tenant)
        asked = _query(ctx, BUDGET_QUERY)
        if "monthly_cap" not in asked:
            raise InvalidField("is required, in USD", "monthly_cap")
        _entity("TENANT", read_plan({"entity_id": tenant}).entity_id)
        nanos = cap_nanos(asked["monthly_cap"], "monthly_cap")
        await self._service().set_cap(actor, tenant, nanos)
        await answer(send, BudgetSet(message=f"Budget updated for tenant {tenant}", monthly_cap=usd(nanos)))

    async def create_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """W: `{entity_type, entity_id, tenant_id?, …}` → `{plan}`. A key is kept as its SHA-256 alone."""
        ctx = context(scope)
        actor, raw = _actor(ctx), ctx.json
        body = read_plan(raw)
        tenant, kind, id_ = await self._lab_entity(actor, body.entity_type, body.entity_id, body.tenant_id)
        wanted = content(body, self._clock.time(), LAB_LIMITS)
        await answer(send, PlanMade(usage_plan(await self._make(ctx, actor, tenant, kind, id_, wanted))))

    async def revoke_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """W: `{entity_id, entity_type}` → `{success}`: its plan is active no more, so all that counts for it is refused."""
        ctx = context(scope)
        actor, body = _actor(ctx), read_plan(ctx.json)
        tenant, kind, id_ = await self._lab_entity(actor, body.entity_type, body.entity_id, body.tenant_id)
        await self._service().change(actor, tenant, kind, id_, lambda plan: msgspec.structs.replace(plan, active=False))
        await answer(send, PlanStopped(success=True))

    async def _make(self, ctx: RequestContext, actor: Actor, tenant: str, kind: EntityType, id_: str, content: dict[str, Any]) -> Plan:
        """Once, where there is an `Idempotency-Key`."""
        header, service = ctx.headers.get(HEADER), self._service()
        if header is None:
            return await service.create(actor, tenant, kind, id_, content)
        check_tenant(actor, tenant)
        once = IdempotentPlan(self._keys, actor.tenant or actor.key_id, ctx.raw_path, header, ctx.json)
        plan, earlier = await once.once(
            lambda: self._records.get(tenant, kind, id_), lambda usage_id: service.create(actor, tenant, kind, id_, content, usage_id)
        )
        if earlier:
            ctx.headers_out.append((b"idempotency-replayed", b"true"))
        return plan

    async def _lab_entity(self, actor: Actor, kind: EntityType | None, id_: str | None, tenant: str | None) -> tuple[str, EntityType, str]:
        found, name = _entity(kind, id_)
        if found == "API_KEY":
            key_id = name.partition(".")[0]
            record = await self._keys.by_hash(sha256_hex(name)) if is_agent_key(name) else await self._keys.get(key_id)
            if record is not None:
                if actor.tenant not in (None, record.tenant):
                    raise NotFound(f"API key {key_id[:64]} not found")
                return record.tenant, found, record.key_id
            if not is_sha256(name):
                if len(name) < MIN_KEY_CHARS:
                    raise InvalidField(f"a key has {MIN_KEY_CHARS} characters or more: shorter ones can be guessed", "entity_id")
                name = sha256_hex(name)
            name = name.lower()
            if tenant is None and (plan := await self._records.by_key(name)) is not None and actor.tenant in (None, plan.tenant):
                tenant = plan.tenant
        return tenant or actor.tenant or (name if found == "TENANT" else SYSTEM), found, name

    async def _tenant(self, actor: Actor, kind: EntityType, id_: str) -> str:
        """Of an entity where none is named."""
        if actor.tenant is not None:
            return actor.tenant
        if kind == "API_KEY" and (record := await self._keys.get(id_)) is not None:
            return record.tenant
        return id_ if kind == "TENANT" else SYSTEM

    async def _named(self, ctx: RequestContext, actor: Actor) -> tuple[str, EntityType, str]:
        """By the path: `TYPE/id`, and `?tenant_id=`."""
        kind, _, id_ = parameter(ctx, "entity").partition("/")
        found = entity_type(kind)
        asked = _query(ctx, ONE_QUERY).get("tenant_id")
        return asked or await self._tenant(actor, found, id_), found, id_

    def _service(self) -> PlanService:
        return PlanService(self._records, self._clock, PlanNotices(self._board, self._ttl_s()), self._events)

    async def _answer(self, send: Send, plan: Plan) -> None:
        await answer(send, plan_view(plan), version=plan.version)


def _actor(ctx: RequestContext) -> Actor:
    principal = ctx.principal
    if principal is None:
        raise Unauthenticated("Invalid or expired API key")
    tenant = None if is_global(principal) else principal.tenant
    return Actor(key_id=principal.key_id, tenant=tenant, principal=principal, trace_id=ctx.trace_id)


def _entity(kind: EntityType | None, id_: str | None) -> tuple[EntityType, str]:
    if kind is None:
        raise InvalidField("is required", "entity_type")
    if not id_:
        raise InvalidField("is required", "entity_id")
    return kind, id_


def _query(ctx: RequestContext, known: Iterable[str]) -> dict[str, Any]:
    """Raises InvalidField for parameters that mean nothing."""
    found = dict(parse_qsl(ctx.query.decode("latin-1"), keep_blank_values=True))
    for name in found:
        if name not in known:
            raise InvalidField(f"unknown parameter{did_you_mean(name, known)}", name[:64])
    return found
