"""The budgets of a principal: what they claim, what a call reserves, what is done where too little is left.

    whose             its counters                                 where the cap stands
    the key           API_KEY:<id>:2026-11, :2026-11-26, :total    in its record, else its plan, else `budgets.default_monthly_usd`
    all others        <TYPE>:<id>:…                                in their plans

All of them are claimed, or none (admission). A cap of 0 lets only through what is free.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from proxy.core.claims import Outcome, Reading, Spend
from proxy.core.context import RequestContext
from proxy.core.entities import Caps, Entity
from proxy.core.errors import EdgeError, Unavailable
from proxy.core.identity import Principal
from proxy.core.priced import Prices
from proxy.governance.budgets.alerts import Alerts, Watched
from proxy.governance.budgets.periods import FOREVER, PERIODS, Period, counter, of_counter
from proxy.governance.budgets.quote import Quote
from proxy.governance.budgets.refusals import exceeded, unpriced
from proxy.governance.budgets.unheard import Unheard
from proxy.governance.limits.estimates import model_of
from proxy.governance.limits.policy import BudgetPolicy, EntityRules, Fit
from proxy.storage.usage import UsageRecords

NANOS_PER_USD = 1_000_000_000


class Meter(Protocol):
    def budget_refused(self, entity: str, period: str) -> None:
        """`entity`: its kind, in lower case."""
        ...


class BudgetRules(msgspec.Struct, frozen=True, kw_only=True):
    """The section of the configuration."""

    default_monthly: int | None = None
    """Nano-USD."""
    warn_at: float = 0.8
    on_shortfall: Literal["cap", "refuse"] = "cap"


class Budgets:
    """`records`, `catch_up`: the ledger that lost counters are rebuilt from, and what brings everything that has ended into it; None: there
    is no ledger. `alerts` outlive a configuration: what was warned of is not warned of again."""

    def __init__(
        self,
        rules: BudgetRules,
        prices: Prices,
        *,
        records: UsageRecords | None = None,
        catch_up: Callable[[], Awaitable[None]] | None = None,
        alerts: Alerts | None = None,
        plans: EntityRules | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.anybody = rules.default_monthly is not None
        self._rules = rules
        self._prices = prices
        self.unheard = Unheard(prices)
        self._records = records
        self._catch_up = catch_up
        self._asking: dict[tuple[str, str], asyncio.Future[int]] = {}
        """Counters that are being rebuilt: many requests may want one at the same time."""
        self._alerts = alerts or Alerts()
        self._plans = plans
        self._meter = meter

    def claims(self, principal: Principal, now: float) -> tuple[Spend, ...]:
        plans = self._plans.find(principal) if self._plans is not None else None
        found: list[Spend] = []
        for entity in principal.entities():
            planned = plans.caps(entity) if plans is not None else None
            own = principal.caps if entity.type == "API_KEY" and entity.id == principal.key_id else None
            caps = [one for one in (own, planned) if one is not None]
            if not caps and entity.type == "API_KEY" and principal.defaults and self._rules.default_monthly is not None:
                caps = [Caps(monthly=self._rules.default_monthly)]
            home = plans.tenant_of(entity) if plans is not None and caps else entity.tenant
            counted = entity if home == entity.tenant else Entity(entity.type, entity.id, home)
            tenant = "" if home == principal.tenant else home
            found += [spend for period in PERIODS if (spend := self._spend(counted, period, caps, now, tenant)) is not None]
        return tuple(found)

    def nanos(self, ctx: RequestContext, provider: str | None, model: str | None) -> int:
        if ctx.route.counts_only:
            return 0
        quote: Quote | None = ctx.quote
        if quote is None:
            ctx.quote = quote = Quote(ctx)
        if provider is None or model is None:
            return self._dearest(ctx, quote)
        total = self._priced(ctx, quote, provider, model)
        for attempt in ctx.attempts:
            if attempt.error is None or attempt.bill is not None or attempt.unheard:  # one that goes on, or has cost something
                total += self._priced(ctx, quote, attempt.provider, attempt.model)
        quote.wanted = total
        return total

    def fitting(self, ctx: RequestContext, outcome: Outcome, provider: str, model: str, reserved: int) -> Fit | None:
        reading = outcome.refused
        if self._rules.on_shortfall == "refuse" or reading is None or not isinstance(reading.claim, Spend):
            return None
        quote: Quote = ctx.quote or Quote(ctx)
        target = self._prices.of(provider, model)
        rates = quote.rates(target, ctx.unix_started)
        if rates is None or not quote.output:
            return None
        room = reading.claim.cap - reading.used + reserved
        others = self.nanos(ctx, provider, model) - quote.nanos(target, rates, ctx.max_tokens_cap)
        cap = min(quote.fitting(target, rates, room - others), quote.output_tokens(target, ctx.max_tokens_cap) - 1)
        if cap < quote.least:
            return None
        return Fit(cap, others + quote.nanos(target, rates, cap))

    def refusal(self, outcome: Outcome, ctx: RequestContext) -> EdgeError:
        reading = outcome.refused
        if reading is None:
            return Unavailable("the budget could not be asked")
        if self._meter is not None and isinstance(reading.claim, Spend):
            self._meter.budget_refused(reading.claim.key.partition(":")[0].lower(), of_counter(reading.claim.key, "")[1])
        tenant = ctx.principal.tenant if ctx.principal is not None else ""
        return exceeded(reading, ctx.route, ctx.quote.wanted if ctx.quote is not None else 0, tenant)

    def settled(self, ctx: RequestContext, readings: Sequence[Reading]) -> None:
        if ctx.principal is not None and ctx.cost_nanos:
            self._alerts.settled(ctx.principal.tenant, readings, ctx.cost_nanos)

    async def spent(self, spend: Spend, tenant: str) -> int:
        if self._records is None:
            raise Unavailable("a budget applies, and there is no ledger to tell what was spent: usage.enabled is off", code="no_ledger")
        name = (tenant, spend.key)
        while (asked := self._asking.get(name)) is not None:
            await asyncio.wait((asked,))
            if not asked.cancelled():
                return asked.result()
        answer = self._asking[name] = asyncio.get_running_loop().create_future()
        try:
            nanos = await self._sum(self._records, spend, tenant)
            answer.set_result(nanos)
            return nanos
        except EdgeError as exc:
            answer.set_exception(exc)
            answer.exception()  # seen
            raise
        finally:
            answer.cancel()
            del self._asking[name]

    async def spent_before(self, spend: Spend, tenant: str, before: int) -> int:
        return 0 if self._records is None else await self._sum(self._records, spend, tenant, before)

    async def _sum(self, records: UsageRecords, spend: Spend, tenant: str, before: float = FOREVER) -> int:
        entity, _, since, until = of_counter(spend.key, tenant)
        if self._catch_up is not None:
            await self._catch_up()
        return await records.spent(entity, since, min(until, before))

    def _spend(self, entity: Entity, period: Period, caps: Sequence[Caps], now: float, tenant: str) -> Spend | None:
        """One counter has one claim: the tightest hard cap, else the tightest soft one. `tenant`: as a Spend's."""
        found = [(getattr(one, period) + _raise(one, now), one) for one in caps if getattr(one, period) is not None]
        if not found:
            return None
        key, ends_at = counter(entity, period, now)
        cap, one = min(found, key=lambda pair: (pair[1].soft, pair[0]))
        warn_at = self._rules.warn_at if one.warn_at is None else one.warn_at
        self._alerts.watch(Watched(entity, period, key, cap, int(cap * warn_at), one.soft, ends_at))
        return Spend(key, cap, one.soft, ends_at, tenant)

    def _priced(self, ctx: RequestContext, quote: Quote, provider: str, model: str) -> int:
        nanos = quote.most(self._prices.of(provider, model), ctx.unix_started, ctx.max_tokens_cap)
        if nanos is None:
            raise unpriced(provider, model)
        return nanos

    def _dearest(self, ctx: RequestContext, quote: Quote) -> int:
        """Of the permitted targets that have a price; the others are refused when their turn comes."""
        name = model_of(ctx)
        most = 0
        for entry, provider, model in self._prices.targets(name) if name is not None else ():
            nanos = quote.most(self._prices.of(provider, model), ctx.unix_started, ctx.max_tokens_cap)
            if nanos is not None and nanos > most and self._may(ctx, name, entry, provider, model):
                most = nanos
        return most

    @staticmethod
    def _may(ctx: RequestContext, name: str | None, entry: str, provider: str, model: str) -> bool:
        if entry == name:
            return ctx.permit(provider, model).error is None
        return ctx.may_use(entry, provider, model)


def _raise(caps: Caps, now: float) -> int:
    raised = caps.raised
    return raised.nanos if raised is not None and raised.until > now else 0


def usd_nanos(usd: float | None) -> int | None:
    return None if usd is None else round(usd * NANOS_PER_USD)


_: type[BudgetPolicy] = Budgets
