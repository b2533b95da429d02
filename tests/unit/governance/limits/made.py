"""A limiter over counters in the process, and contexts for it."""

from collections.abc import Awaitable, Mapping, Sequence
from random import Random
from typing import Any

import orjson

from proxy.core.claims import Outcome, Reading, Spend
from proxy.core.context import RequestContext, Verdict
from proxy.core.entities import Caps, Entity, Limits
from proxy.core.errors import ClientFault, EdgeError
from proxy.core.identity import Principal
from proxy.core.response import Usage
from proxy.core.route import RouteInfo
from proxy.governance.limits.limiter import Limiter
from proxy.governance.limits.policy import Fit
from proxy.governance.limits.rules import RuleBook
from proxy.storage.hot.admission_memory import MemoryAdmission
from tests.support.clock import FakeClock

CHAT = RouteInfo(name="/v1/chat/completions", family="openai", dialect="openai_chat", reads_body=True)
SHORT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Counted:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, str]] = []

    def rate_limited(self, entity: str, dimension: str) -> None:
        self.refusals.append((entity, dimension))


class Purse:
    """A budget of one counter."""

    anybody = True

    def __init__(self, cap: int, spent: int = 0, cost: int = 10) -> None:
        self.cap, self._spent, self.cost = cap, spent, cost
        self.asked: list[Spend] = []
        self.settlements: list[Sequence[Reading]] = []

    def claims(self, principal: Principal, now: float) -> tuple[Spend, ...]:
        return (Spend(f"TENANT:{principal.tenant}:total", self.cap),)

    def nanos(self, ctx: RequestContext, provider: str | None, model: str | None) -> int:
        return self.cost

    def fitting(self, ctx: RequestContext, outcome: Outcome, provider: str, model: str, reserved: int) -> Fit | None:
        return None

    def refusal(self, outcome: Outcome, ctx: RequestContext) -> EdgeError:
        return ClientFault("no money", status=402, code="budget_exceeded")

    def settled(self, ctx: RequestContext, readings: Sequence[Reading]) -> None:
        self.settlements.append(readings)

    async def spent_before(self, spend: Spend, tenant: str, before: int) -> int:
        return await self.spent(spend, tenant)

    async def spent(self, spend: Spend, tenant: str) -> int:
        self.asked.append(spend)
        return self._spent


class Plans:
    """Plans by entity type and model; not loaded at first."""

    active = True

    def __init__(self, limits: Mapping[tuple[str, str], Limits]) -> None:
        self._limits = limits
        self._loaded = False

    def find(self, principal: Principal) -> "Plans | None":
        return self if self._loaded else None

    async def load(self, principal: Principal) -> "Plans":
        self._loaded = True
        return self

    def limits(self, entity: Entity, model: str) -> Limits:
        own = self._limits.get((entity.type, model))
        return own or self._limits.get((entity.type, "*"), Limits())

    def caps(self, entity: Entity) -> Caps | None:
        return None

    def tenant_of(self, entity: Entity) -> str:
        return entity.tenant

    permissive = True

    def names(self, model: str | None) -> bool:
        return True

    def permits(self, name: str | None, provider: str, model: str) -> bool:
        return True


class World:
    def __init__(self, *, wait_s: float = 0.0, budgets: Purse | None = None, plans: Plans | None = None, **book: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryAdmission(self.clock)
        self.meter = Counted()
        self.book = RuleBook(self.store, self.clock, plans=plans, budgets=budgets, **book)
        self.limiter = Limiter(
            self.book, self.store, unix=self.clock.time, rng=Random(1), meter=self.meter, plans=plans, budgets=budgets, wait_s=wait_s
        )
        self._number = 0

    def request(self, principal: Principal | None = None, body: dict[str, Any] | None = None, route: RouteInfo = CHAT) -> RequestContext:
        self._number += 1
        ctx = RequestContext(route, f"{self._number:032x}", 0.0)
        ctx.principal = principal or Principal(key_id="k", tenant="t")
        ctx.json = SHORT if body is None else body
        ctx.body = orjson.dumps(ctx.json)
        ctx.model = ctx.json.get("model")
        return ctx

    async def admitted(self, ctx: RequestContext, **how: Any) -> RequestContext:
        waiting = self.limiter.admit(ctx, **how)
        if waiting is not None:
            await waiting
        return ctx

    async def tried(self, ctx: RequestContext) -> EdgeError | None:
        verdict: Verdict | Awaitable[Verdict] = self.limiter.top_up(ctx, "p", "m")
        if not isinstance(verdict, Verdict):
            verdict = await verdict
        return verdict.error

    def ended(self, ctx: RequestContext, usage: Usage | None = None, cost: int | None = None) -> None:
        ctx.usage, ctx.cost_nanos = usage, cost
        self.limiter.settle(ctx)

    def headers(self, ctx: RequestContext) -> dict[str, str]:
        assert ctx.limits is not None
        pairs = {name.decode(): value.decode() for name, value in ctx.limits.pairs()}
        assert ctx.limits.lines().decode() == "".join(f"{name}: {value}\r\n" for name, value in pairs.items())
        return pairs
