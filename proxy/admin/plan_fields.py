"""What a body says of a usage plan, and how a plan is shown: money in USD, times in unix seconds."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from proxy.admin.key_fields import MAX_METADATA_BYTES, Id, LimitsBody, Names
from proxy.admin.wrong import explained
from proxy.core.entities import AGENT_GATEWAY, BUCKET, ENTITY_TYPES, NO_LIMITS, Caps, EntityType, Limits, Raise
from proxy.core.errors import InvalidField
from proxy.core.money import NANOS_PER_USD, usd
from proxy.settings.suggest import did_you_mean
from proxy.storage.plans import Plan

MAX_MODELS = 1000
Usd = Annotated[float, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class RaiseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    usd: Annotated[float, Meta(gt=0, le=1_000_000_000)]
    until: float
    """Unix seconds."""


class CapsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    monthly_usd: Usd | None = None
    daily_usd: Usd | None = None
    total_usd: Usd | None = None
    soft: bool = False
    warn_at: Annotated[float, Meta(gt=0, le=1)] | None = None
    raised: RaiseBody | None = None

    def caps(self, now: float) -> Caps | None:
        """Raises InvalidField."""
        raised = None
        if self.raised is not None:
            if self.raised.until <= now:
                raise InvalidField("must lie in the future", "caps.raised.until")
            raised = Raise(nanos=_nanos(self.raised.usd) or 0, until=self.raised.until)
        found = Caps(
            monthly=_nanos(self.monthly_usd),
            daily=_nanos(self.daily_usd),
            total=_nanos(self.total_usd),
            soft=self.soft,
            warn_at=self.warn_at,
            raised=raised,
        )
        if found.empty and found != Caps():
            raise InvalidField("needs monthly_usd, daily_usd or total_usd", "caps")
        return None if found.empty else found


class PlanBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a whole plan: what is left out, or null, is the default."""

    entity_type: EntityType | None = None
    entity_id: Id | None = None
    tenant_id: Id | None = None
    model_permissions: Names | None = None
    default_limits: LimitsBody | None = None
    model_limits: dict[Name, LimitsBody] | None = None
    caps: CapsBody | None = None
    budget_id: Annotated[str, Meta(max_length=128)] | None = None
    active: bool | None = None
    metadata: dict[str, Any] | None = None
    version: int | None = None


def read_plan(body: dict[str, Any]) -> PlanBody:
    """Raises InvalidField."""
    try:
        found = msgspec.convert(body, PlanBody)
    except msgspec.ValidationError as exc:
        raise explained(str(exc), _fields) from None
    if found.model_permissions == ():
        raise InvalidField(
            'an empty list would permit nothing: leave it out, or ["*"], for all; `active` false stops a plan', "model_permissions"
        )
    if found.metadata is not None and len(msgspec.json.encode(found.metadata)) > MAX_METADATA_BYTES:
        raise InvalidField(f"over {MAX_METADATA_BYTES} bytes", "metadata")
    if found.model_limits is not None and len(found.model_limits) > MAX_MODELS:
        raise InvalidField(f"over {MAX_MODELS} models", "model_limits")
    return found


def content(body: PlanBody, now: float, defaults: Limits = NO_LIMITS) -> dict[str, Any]:
    """The fields of a Plan that may change. `defaults`: where a limit is left out. Raises InvalidField."""
    return {
        "model_permissions": body.model_permissions or ("*",),
        "default_limits": _limits(body.default_limits, defaults, "default_limits"),
        "model_limits": {m: _limits(one, defaults, f"model_limits.{m}") for m, one in (body.model_limits or {}).items()},
        "caps": body.caps.caps(now) if body.caps is not None else None,
        "budget_id": body.budget_id,
        "active": body.active is not False,
        "metadata": body.metadata or {},
    }


def entity_type(text: str) -> EntityType:
    """Raises InvalidField."""
    for known in ENTITY_TYPES:
        if known == text.upper():
            return known
    raise InvalidField(f"must be one of {', '.join(ENTITY_TYPES)}{did_you_mean(text, ENTITY_TYPES)}", "entity_type")


class UsagePlan(msgspec.Struct, frozen=True, kw_only=True):
    """In W's shape."""

    usage_id: str
    entity_id: str
    entity_type: EntityType
    tenant_id: str
    budget_id: str | None
    model_permissions: list[str]
    active: bool
    default_limits: Limits
    model_limits: dict[str, Limits]
    metadata: dict[str, Any]
    created_at: int


class RaisedCap(msgspec.Struct, frozen=True, kw_only=True):
    usd: float
    until: float


class ShownCaps(msgspec.Struct, frozen=True, kw_only=True):
    monthly_usd: float | UnsetType = UNSET
    daily_usd: float | UnsetType = UNSET
    total_usd: float | UnsetType = UNSET
    soft: bool
    warn_at: float | None
    raised: RaisedCap | None


class WholePlan(UsagePlan, frozen=True, kw_only=True):
    caps: ShownCaps | None
    version: int


def usage_plan(plan: Plan) -> UsagePlan:
    return UsagePlan(**_shown(plan))


def plan_view(plan: Plan) -> WholePlan:
    return WholePlan(**_shown(plan), caps=_caps(plan.caps), version=plan.version)


def whole_plan(plan: Plan) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(plan_view(plan))
    return shown


def _shown(plan: Plan) -> dict[str, Any]:
    return {
        "usage_id": plan.usage_id,
        "entity_id": plan.entity_id,
        "entity_type": plan.entity_type,
        "tenant_id": plan.tenant,
        "budget_id": plan.budget_id,
        "model_permissions": list(plan.model_permissions),
        "active": plan.active,
        "default_limits": plan.default_limits,
        "model_limits": plan.model_limits,
        "metadata": plan.metadata,
        "created_at": int(plan.created_at),
    }


def _caps(caps: Caps | None) -> ShownCaps | None:
    if caps is None:
        return None
    raised = RaisedCap(usd=usd(caps.raised.nanos), until=caps.raised.until) if caps.raised is not None else None
    amounts = {f"{period}_usd": usd(nanos) for period in ("monthly", "daily", "total") if (nanos := getattr(caps, period)) is not None}
    return ShownCaps(**amounts, soft=caps.soft, warn_at=caps.warn_at, raised=raised)


def cap_nanos(text: str, name: str) -> int:
    """Of USD as they are written. Raises InvalidField."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 1_000_000_000:
        raise InvalidField("must be an amount in USD from 0 to 1000000000", name)
    return int((value * NANOS_PER_USD).to_integral_value())


def _limits(body: LimitsBody | None, defaults: Limits, path: str) -> Limits:
    if body is None:
        return defaults
    try:
        limits = body.over(defaults) or NO_LIMITS
    except InvalidField as exc:
        raise InvalidField(exc.message.partition(": ")[2], f"{path}.burst") from None
    return AGENT_GATEWAY if limits == BUCKET else limits


def _nanos(amount: float | None) -> int | None:
    return None if amount is None else cap_nanos(str(amount), "caps")


def _fields(path: str) -> tuple[str, ...]:
    if "limits" in path:
        return LimitsBody.__struct_fields__
    body: Any = RaiseBody if path == "caps.raised" else CapsBody if path == "caps" else PlanBody
    known: tuple[str, ...] = body.__struct_fields__
    return known
