"""Which limits hold for a request: those of everybody it counts for, prepared once for a principal and a model.

    entity            counter                        whose limits
    the key           API_KEY:<id>:*                 its own, else `limits.default`
    its plans         <TYPE>:<id>:* or :<model>      a model with limits of its own counts apart, all others together
    the model         MODEL:<name>:*                 `limits.models`      ┐
    the agent         AGENT:<id>:*                   `limits.agents`      ├ shared by all tenants
    the gateway       GATEWAY:*                      `limits.gateway`     ┘

Money is the budgets' own, and is counted with the principal's tenant, or that of a plan which is shared by principals of no tenant.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core.claims import Claim, Group, Slots, Spend, Window, of_rest
from proxy.core.clock import Clock
from proxy.core.entities import NO_LIMITS, Entity, Limits
from proxy.core.identity import Principal
from proxy.governance.limits.policy import BudgetPolicy, EntityRules, PlanRules
from proxy.storage.hot.admission import AdmissionStore

SHARED = "@shared"
SUSTAINED_S = 10
"""Over which `qps` holds where there is a `burst`."""
REMADE_S = 10.0
"""After which budgets are asked again whether their claims are still the same: what was raised for a while comes down."""
MAX_RULED = 20_000
"""Principals and models whose rules are kept; then all are made anew."""

NOBODY = Principal(key_id="", tenant=SHARED)

_REQUESTS = (b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset")
_INPUT = b"x-ratelimit-remaining-input-tokens"
_OUTPUT = b"x-ratelimit-remaining-output-tokens"


class Ruled:
    """Rules of a principal and a model, ready for use."""

    __slots__ = (
        "first", "groups", "input_limit", "keys", "names", "output_limit", "plans", "prepared", "principal", "rest", "spends", "template",
        "until", "wants_input", "wants_output",
    )  # fmt: skip

    def __init__(self, principal: Principal, plans: PlanRules | None, groups: tuple[Group, ...], spends: tuple[Spend, ...]) -> None:
        self.principal = principal
        self.plans = plans
        self.groups = groups
        self.spends = spends
        self.until = float("inf")
        """Unix seconds; budgets are to be asked again then."""
        self.prepared: Any = None
        """The store's own form of it; None: there is nothing to claim."""
        claims = [claim for group in groups for claim in group.claims]
        self.keys = frozenset(claim.key for claim in claims)
        self.first = any(not of_rest(claim) for claim in claims)
        self.rest = any(of_rest(claim) for claim in claims)
        windows = [claim for claim in claims if type(claim) is Window]
        inputs = [w.limit for w in windows if w.dimension in ("input", "tokens")]
        outputs = [w.limit for w in windows if w.dimension in ("output", "tokens")]
        self.wants_input, self.wants_output = bool(inputs), bool(outputs)
        self.input_limit, self.output_limit = min(inputs, default=0), min(outputs, default=0)
        self.names = (
            *(_REQUESTS if any(w.dimension == "requests" for w in windows) else ()),
            *((_INPUT,) if inputs else ()),
            *((_OUTPUT,) if outputs else ()),
        )
        self.template = b"".join([name + b": %d\r\n" for name in self.names])


class RuleBook:
    """`plans`, `budgets`: where there are any. Principals are found by their key's id; another record of the same key makes other rules."""

    def __init__(
        self,
        store: AdmissionStore[Any],
        clock: Clock,
        *,
        default: Limits | None = None,
        gateway: Limits | None = None,
        models: Mapping[str, Limits] | None = None,
        agents: Mapping[str, Limits] | None = None,
        plans: EntityRules | None = None,
        budgets: BudgetPolicy | None = None,
        limited: bool = True,
    ) -> None:
        """`limited` False: money alone counts."""
        self._store = store
        self._unix = clock.time
        self._default = default
        self._gateway = gateway or NO_LIMITS
        self._models = dict(models or {})
        self.by_model = bool(models)
        """Whether models have limits of their own, whoever asks for them."""
        self._agents = dict(agents or {})
        self._plans = plans
        self._budgets = budgets
        self.limited = limited
        self.anybody = bool(default or gateway or models or agents or plans or (budgets is not None and budgets.anybody))
        """Whether anybody may be limited who has no limits of its own."""
        self._by_agent: dict[str, Ruled] = {}
        self._known: dict[tuple[str, str | None, str | None], Ruled] = {}

    def find(self, principal: Principal, model: str | None, agent: str | None = None) -> Ruled | None:
        """None: nothing limits it. `model`: as asked; plans must have been loaded."""
        return self.of(principal, self._plans.find(principal) if self._plans is not None else None, model, agent)

    def of(self, principal: Principal, plans: PlanRules | None, model: str | None, agent: str | None) -> Ruled | None:
        """As `find`, where the plans are known. `model` None where neither they nor `by_model` ask for it."""
        if model is not None and model not in self._models and (plans is None or not plans.names(model)):
            model = None
        ruled = self._known.get((principal.key_id, model, agent))
        if ruled is None or ruled.principal is not principal or plans is not ruled.plans:
            ruled = self._make(principal, model, agent)
        elif self._budgets is not None and ruled.until <= self._unix():
            ruled = self._again(ruled, model, agent)
        return ruled if ruled.prepared is not None else None

    def of_agent(self, agent: str) -> Ruled | None:
        """What all requests for it count for, whoever makes them."""
        limits = self._agents.get(agent) if self.limited else None
        if limits is None:
            return None
        ruled = self._by_agent.get(agent)
        if ruled is None:
            groups = (Group(SHARED, tuple(claims_of(limits, f"AGENT:{agent}:*"))),)
            ruled = self._by_agent[agent] = Ruled(NOBODY, None, groups, ())
            ruled.prepared = self._store.prepare(groups)
        return ruled

    def _make(self, principal: Principal, model: str | None, agent: str | None) -> Ruled:
        now = self._unix()
        plans = self._plans.find(principal) if self._plans is not None else None
        spends = self._budgets.claims(principal, now) if self._budgets is not None else ()
        by_tag: dict[str, list[Claim]] = {}
        for tag, claim in self._claims(principal, model, agent, plans):
            by_tag.setdefault(tag, []).append(claim)
        for spend in spends:
            by_tag.setdefault(spend.tenant or principal.tenant, []).append(spend)
        ruled = Ruled(principal, plans, tuple(Group(tag, tuple(claims)) for tag, claims in by_tag.items()), spends)
        if self._budgets is not None:
            ruled.until = _until(spends, now)
        before = self._known.get((principal.key_id, model, agent))
        if before is not None and before.groups == ruled.groups:
            ruled.prepared = before.prepared
        elif ruled.groups:
            ruled.prepared = self._store.prepare(ruled.groups)
        if len(self._known) >= MAX_RULED:
            self._known.clear()
        self._known[principal.key_id, model, agent] = ruled
        return ruled

    def _again(self, ruled: Ruled, model: str | None, agent: str | None) -> Ruled:
        now = self._unix()
        if self._budgets is not None and self._budgets.claims(ruled.principal, now) == ruled.spends:
            ruled.until = _until(ruled.spends, now)
            return ruled
        return self._make(ruled.principal, model, agent)

    def _claims(self, principal: Principal, model: str | None, agent: str | None, plans: PlanRules | None) -> Iterator[tuple[str, Claim]]:
        """With the tag of their group."""
        if not self.limited:
            return
        own = principal.limits
        if own is None and principal.defaults:
            own = self._default
        if own is not None:
            yield from ((principal.tenant, claim) for claim in claims_of(own, f"API_KEY:{principal.key_id}:*"))
        if plans is not None:
            for entity in principal.entities():
                tag = plans.tenant_of(entity)
                yield from ((tag, claim) for claim in _planned(plans, entity, model))
        for limits, key in (
            (self._models.get(model or ""), f"MODEL:{model}:*"),
            (self._agents.get(agent or ""), f"AGENT:{agent}:*"),
            (self._gateway, "GATEWAY:*"),
        ):
            if limits is not None:
                yield from ((SHARED, claim) for claim in claims_of(limits, key))


def _planned(plans: PlanRules, entity: Entity, model: str | None) -> Iterator[Claim]:
    common = plans.limits(entity, "*")
    own = plans.limits(entity, model) if model is not None else common
    name = "*" if own == common else model
    key = f"{entity.type}:{entity.id}:{name}"
    # a key's plan counts apart from the limits that stand in its own record
    return claims_of(own, f"PLAN:{key}" if entity.type == "API_KEY" else key)


def _until(spends: tuple[Spend, ...], now: float) -> float:
    return min([now + REMADE_S, *(spend.ends_at for spend in spends if spend.ends_at is not None)])


def claims_of(limits: Limits, key: str) -> Iterator[Claim]:
    """What an entity's limits ask for."""
    bucket = limits.algorithm == "bucket"
    if limits.rpm is not None:
        yield Window(key, "requests", limits.rpm, bucket=bucket)
    if limits.input_tpm is not None:
        yield Window(key, "input", limits.input_tpm, bucket=bucket)
    if limits.output_tpm is not None:
        yield Window(key, "output", limits.output_tpm, bucket=bucket)
    if limits.tpm is not None:
        yield Window(key, "tokens", limits.tpm, bucket=bucket)
    if limits.concurrency is not None:
        yield Slots(key, limits.concurrency)
    if limits.burst is not None:
        yield Window(key, "requests", limits.burst, 1)
    if limits.qps:
        yield _sustained(key, limits.qps, limits.burst)


def _sustained(key: str, qps: float, burst: int | None) -> Window:
    """Over so long a time that the burst, and at least one request, fits into it."""
    if burst is None and qps >= 1:
        return Window(key, "requests", int(qps), 1)
    span_s = max(SUSTAINED_S, -int(-max(burst or 1, 1) // qps))
    return Window(key, "requests", max(1, int(qps * span_s + 1e-9)), span_s)
