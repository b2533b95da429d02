"""Takes what a request's limits and budgets ask for, and settles it.

    counters in the process   admit: requests and slots · first try: tokens and money, so that an answer from the cache takes none
    counters in Redis         admit: everything in one flush; a refusal of tokens or money waits for the first try, and a cached answer
                              gives them back at the settlement
    every further try         tokens and money once more

Fails as the store says: in the process not at all, with Redis as `limits.on_redis_loss` and `budgets.on_redis_loss` (RedisAdmission).
"""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil
from random import Random
from time import monotonic
from typing import Any, Protocol

import msgspec

from proxy.core.claims import TAKEN, Amounts, Outcome, Part, Reading, Spend, Window, of_rest
from proxy.core.context import ALLOWED, RequestContext, Verdict
from proxy.core.errors import EdgeError, Unavailable
from proxy.core.identity import Principal
from proxy.governance.admission import Limiter as Admits
from proxy.governance.limits.estimates import Averages, input_tokens, model_of, output_tokens
from proxy.governance.limits.policy import BudgetPolicy, EntityRules
from proxy.governance.limits.refusals import refused, too_much
from proxy.governance.limits.rules import RuleBook, Ruled
from proxy.governance.limits.standing import standing_of
from proxy.governance.limits.turns import Turns
from proxy.governance.plans.book import NO_PLANS
from proxy.storage.hot.admission import AdmissionStore, Recount

ONE = Amounts()
REFUSED = Amounts(requests=0)
FITTINGS = 8
"""Times that a call is made shorter until all budgets pay for it."""
RESTORES = 3
"""Times that missing money counters are restored for one claim; then it is an error."""


def reserved_nanos(ctx: RequestContext) -> int | None:
    """For a call that is about to leave; None: no budget applies."""
    claimed = ctx.limits
    return claimed.reserved if type(claimed) is Claimed and claimed.ruled.spends else None


class Meter(Protocol):
    def rate_limited(self, entity: str, dimension: str) -> None:
        """`entity`: its kind, in lower case."""
        ...


class Claimed(msgspec.Struct, eq=False):
    """What one request has taken, and where its limits stand. Made in C: most of it stays as it begins."""

    limiter: "Limiter"
    ruled: Ruled
    prepaid: bool = False
    """Tokens and money of the first try are taken."""
    calls: int = 0
    """Tries that were admitted."""
    reserved: int = 0
    """Nano-USD."""
    verdict: Verdict | None = None
    """Of every further try: limits do not depend on the target."""
    denied: Verdict | None = None
    """Of the last try that was refused for its target's price."""
    refusal: Outcome | None = None
    """Of what the first try needs, which an answer from the cache does not."""
    outcome: Outcome | None = None
    """Of a store that cannot be read at once: the last one that has readings, and when."""
    read_at: float = 0.0

    def lines(self) -> bytes:
        ruled = self.ruled
        if not ruled.names:
            return b""
        values = self.limiter.store.standing(ruled.prepared) or self._last()
        return ruled.template % values if values is not None else b""

    def pairs(self) -> list[tuple[bytes, bytes]]:
        values = self.limiter.store.standing(self.ruled.prepared) or self._last()
        return [(name, b"%d" % value) for name, value in zip(self.ruled.names, values, strict=True)] if values is not None else []

    def _last(self) -> tuple[int, ...] | None:
        """Where it stood when it was read."""
        found = standing_of(self.outcome, self.read_at) if self.outcome is not None else None
        return found if found is not None and len(found) == len(self.ruled.names) else None


class Limiter:
    def __init__(
        self,
        book: RuleBook,
        store: AdmissionStore[Any],
        *,
        unix: Callable[[], float],
        rng: Random,
        meter: Meter | None = None,
        plans: EntityRules | None = None,
        budgets: BudgetPolicy | None = None,
        wait_s: float = 0.0,
        averages: Averages | None = None,
    ) -> None:
        """`wait_s`: how long a request may wait for room."""
        self.store = store
        self.anybody = book.anybody
        self.averages = averages or Averages()
        self._book = book
        self._immediate = store.immediate
        self._unix = unix
        self._rng = rng
        self._meter = meter
        self._plans = plans
        self._budgets = budgets
        self._wait_s = wait_s
        self._turns = Turns()

    @property
    def waiting(self) -> int:
        """Requests that wait for room."""
        return len(self._turns)

    def admit(self, ctx: RequestContext, inherits: RequestContext | None = None, agent: str | None = None) -> Awaitable[None] | None:
        """`inherits`: the request that the run of an agent belongs to, of which this is a call: it counts as that one, and takes only
        tokens and money itself, the agent's too."""
        principal = ctx.principal
        if principal is None or principal.purpose:
            return None
        plans, book = ctx.plans, self._book
        if plans is None and self._plans is not None:
            plans = self._plans.find(principal)
            if plans is None:
                return self._load(self._plans, ctx, principal, inherits, agent)
        by_model = book.by_model or (plans is not NO_PLANS and plans is not None)
        ruled = book.of(principal, plans, model_of(ctx) if by_model else None, agent)
        if ruled is None:
            return None
        ctx.limits = claimed = Claimed(self, ruled)
        if inherits is not None:
            return None
        if not self._immediate:
            return self._admit(ctx, claimed)
        if ruled.first:
            if self._wait_s and self._turns.keys and not ruled.keys.isdisjoint(self._turns.keys):
                return self._wait(ctx, claimed, self._behind(ruled), "first")
            outcome = self.store.claim(ruled.prepared, ctx.request_id, ONE, "first")
            if outcome.refused is not None:  # type: ignore[union-attr]
                return self._not_first(ctx, claimed)
        return None

    def top_up(self, ctx: RequestContext, provider: str, model: str) -> Verdict | Awaitable[Verdict]:
        claimed = ctx.limits
        if type(claimed) is not Claimed:
            return ALLOWED
        ruled = claimed.ruled
        if not ruled.rest:
            return ALLOWED
        if claimed.verdict is not None:
            return claimed.verdict
        if claimed.refusal is not None:
            claimed.verdict = Verdict(self._error(ctx, claimed.refusal))
            return claimed.verdict
        try:
            amounts = self._amounts(ctx, claimed, provider, model)
        except EdgeError as exc:
            claimed.denied = verdict = Verdict(exc)
            return verdict
        if claimed.prepaid:
            claimed.prepaid = False
            if not amounts.nanos:
                claimed.calls += 1
                return ALLOWED
            amounts = Amounts(nanos=amounts.nanos)
        elif not amounts.nanos and not (ruled.wants_input or ruled.wants_output):  # free, or paid for by a try that failed
            claimed.calls += 1
            return ALLOWED
        outcome = self.store.claim(ruled.prepared, ctx.request_id, amounts, "rest")
        if outcome is TAKEN or (type(outcome) is Outcome and outcome.refused is None and not outcome.missing):
            claimed.calls += 1
            claimed.reserved += amounts.nanos
            return ALLOWED
        return self._topped_up(ctx, claimed, (provider, model), amounts, outcome)

    def settle(self, ctx: RequestContext) -> None:
        claimed = ctx.limits
        if type(claimed) is not Claimed:
            return
        ruled = claimed.ruled
        outcome = self.store.settle(ruled.prepared, ctx.request_id, self._used(ctx, claimed))
        if self._turns.keys:
            self._turns.freed()
        if ruled.spends and self._budgets is not None:
            if isinstance(outcome, Outcome):
                self._budgets.settled(ctx, outcome.readings)
            else:
                self._settled_later(ctx, self._budgets, outcome)

    async def enter(self, ctx: RequestContext, agent: str) -> None:
        """A request that was admitted turns out to be for this agent: takes the agent's own request and slot, until the request is settled.
        Raises RateLimited."""
        ruled = self._book.of_agent(agent)
        if ruled is None or not ruled.first:
            return
        name = f"{ctx.request_id}:{agent}"
        outcome = self.store.claim(ruled.prepared, name, ONE, "first")
        if not isinstance(outcome, Outcome):
            outcome = await outcome
        if outcome.refused is not None:
            raise self._error(ctx, outcome)
        ctx.settle.append(lambda _: self._leave(ruled, name))

    def _leave(self, ruled: Ruled, name: str) -> None:
        self.store.settle(ruled.prepared, name, ONE)
        if self._turns.keys:
            self._turns.freed()

    def show(self, ctx: RequestContext) -> Awaitable[None] | None:
        principal = ctx.principal
        if principal is None or principal.purpose:
            return None
        if self._plans is not None and self._plans.find(principal) is None:
            return self._load_and_show(self._plans, ctx, principal)
        ruled = self._book.find(principal, model_of(ctx))
        if ruled is None:
            return None
        ctx.limits = claimed = Claimed(self, ruled)
        return None if self._immediate else self._show(claimed)

    async def _load_and_show(self, plans: EntityRules, ctx: RequestContext, principal: Principal) -> None:
        with contextlib.suppress(EdgeError):  # as below
            await plans.load(principal)
            showing = self.show(ctx) if plans.find(principal) is not None else None
            if showing is not None:
                await showing

    async def _show(self, claimed: Claimed) -> None:
        with contextlib.suppress(EdgeError):  # an error is answered without them, too
            outcome = self.store.read(claimed.ruled.prepared)
            self._note(claimed, outcome if isinstance(outcome, Outcome) else await outcome)

    async def _load(
        self, plans: EntityRules, ctx: RequestContext, principal: Principal, inherits: RequestContext | None, agent: str | None
    ) -> None:
        await plans.load(principal)
        waiting = self.admit(ctx, inherits, agent) if plans.find(principal) is not None else None
        if waiting is not None:
            await waiting

    async def _admit(self, ctx: RequestContext, claimed: Claimed) -> None:
        """Of a store that is asked over a wire: everything at once."""
        ruled = claimed.ruled
        if not ruled.first and ctx.route.dialect is None:
            return
        part: Part = "all" if ruled.rest and ctx.route.dialect is not None else "first"
        amounts = ONE
        if part == "all":
            try:
                amounts = self._amounts(ctx, claimed, None, None)
            except EdgeError as exc:  # no call can be made, but an answer may be cached
                claimed.verdict, part = Verdict(exc), "first"
        if self._wait_s and self._turns.keys and not ruled.keys.isdisjoint(self._turns.keys):
            await self._wait(ctx, claimed, self._behind(ruled), part, amounts)
            return
        outcome = await self._claim(ctx, claimed, amounts, part)
        if outcome.refused is not None and self._wait_s:
            await self._wait(ctx, claimed, outcome, part, amounts)
            return
        self._took(ctx, claimed, outcome, part, amounts)

    def _took(self, ctx: RequestContext, claimed: Claimed, outcome: Outcome, part: Part, amounts: Amounts) -> None:
        """Raises what is to be answered when not even the request was taken."""
        reading = outcome.refused
        if reading is None:
            claimed.prepaid = part == "all"
            claimed.reserved = amounts.nanos if part == "all" else 0
        elif part == "all" and of_rest(reading.claim):
            if not self._wait_s and type(reading.claim) is not Spend:  # else the first try waits for it; money depends on its target
                claimed.refusal = outcome
        else:
            raise self._error(ctx, outcome)

    async def _claim(self, ctx: RequestContext, claimed: Claimed, amounts: Amounts, part: Part) -> Outcome:
        """What is missing is restored from the ledger, and asked for again."""
        ruled = claimed.ruled
        outcome = self.store.claim(ruled.prepared, ctx.request_id, amounts, part)
        for _ in range(RESTORES):
            if not isinstance(outcome, Outcome):
                outcome = await outcome
            if not outcome.missing or self._budgets is None:
                break
            await self._restore(self._budgets, ruled, outcome.missing)
            outcome = self.store.claim(ruled.prepared, ctx.request_id, amounts, part)
        if not isinstance(outcome, Outcome):
            outcome = await outcome
        if outcome.missing and self._budgets is not None:
            raise Unavailable("a counter of a budget is lost again and again: does Redis evict keys?", code="redis_unavailable")
        self._note(claimed, outcome)
        return outcome

    async def _restore(self, budgets: BudgetPolicy, ruled: Ruled, missing: tuple[Spend, ...]) -> None:
        for spend in missing:
            tenant = spend.tenant or ruled.principal.tenant
            nanos, before = await budgets.spent(spend, tenant), ceil(self._unix())
            restoring = self.store.restore(spend, tenant, nanos, Recount(before, partial(budgets.spent_before, spend, tenant, before)))
            if restoring is not None:
                await restoring

    def _note(self, claimed: Claimed, outcome: Outcome) -> None:
        if outcome.readings:
            claimed.outcome, claimed.read_at = outcome, self._unix()

    def _not_first(self, ctx: RequestContext, claimed: Claimed) -> Awaitable[None]:
        """With the whole truth of when it fits: tokens included. Raises it, or gives what waits for room."""
        try:
            amounts = self._amounts(ctx, claimed, None, None)
        except EdgeError:
            amounts = ONE
        outcome = self.store.claim(claimed.ruled.prepared, ctx.request_id, amounts, "first")
        if not isinstance(outcome, Outcome) or outcome.refused is None:  # a tick of the clock later there is room
            return _nothing()
        if not self._wait_s:
            raise self._error(ctx, outcome)
        return self._wait(ctx, claimed, outcome, "first")

    def _behind(self, ruled: Ruled) -> Outcome:
        """For one who has to stand behind others, whom nobody can tell how long."""
        key = next(key for key in self._turns.keys if key in ruled.keys)
        claim = next(claim for group in ruled.groups for claim in group.claims if claim.key == key)
        return Outcome(Reading(claim, getattr(claim, "limit", 0)), 1.0)

    async def _wait(self, ctx: RequestContext, claimed: Claimed, outcome: Outcome, part: Part, amounts: Amounts = ONE) -> None:
        """For its turn. Raises what is to be answered where it does not come in time."""
        reading = outcome.refused
        if reading is not None and (part == "rest" or not of_rest(reading.claim)):
            outcome = await self._turns.take(
                reading.claim.key, outcome, lambda: self._claim(ctx, claimed, amounts, part), monotonic() + self._patience_s(ctx)
            )
        self._took(ctx, claimed, outcome, part, amounts)

    def _patience_s(self, ctx: RequestContext) -> float:
        wait_s = self._wait_s
        if ctx.deadline is not None:
            return min(wait_s, ctx.deadline - monotonic())
        asked = ctx.headers.get(b"x-llm-edge-timeout-s")
        if asked is not None:
            with contextlib.suppress(ValueError):  # refused where the request is looked at
                wait_s = min(wait_s, float(asked) - (monotonic() - ctx.started))
        return wait_s

    async def _topped_up(
        self, ctx: RequestContext, claimed: Claimed, target: tuple[str, str], amounts: Amounts, outcome: Outcome | Awaitable[Outcome]
    ) -> Verdict:
        if not isinstance(outcome, Outcome):
            outcome = await outcome
            self._note(claimed, outcome)
        try:
            if outcome.missing and self._budgets is not None:
                await self._restore(self._budgets, claimed.ruled, outcome.missing)
                outcome = await self._claim(ctx, claimed, amounts, "rest")
            reading = outcome.refused
            if reading is not None and self._wait_s and type(reading.claim) is not Spend:
                again = self._turns.take(
                    reading.claim.key, outcome, lambda: self._claim(ctx, claimed, amounts, "rest"), monotonic() + self._patience_s(ctx)
                )
                outcome = await again
                reading = outcome.refused
            if reading is not None and type(reading.claim) is Spend and self._budgets is not None:
                outcome, amounts = await self._fitted(ctx, claimed, self._budgets, target, amounts, outcome)
                reading = outcome.refused
        except EdgeError as exc:
            claimed.denied = Verdict(exc)
            return claimed.denied
        if reading is None:
            claimed.calls += 1
            claimed.reserved += amounts.nanos
            return ALLOWED
        verdict = Verdict(self._error(ctx, outcome))
        if type(reading.claim) is not Spend:
            claimed.verdict = verdict
        claimed.denied = verdict
        return verdict

    async def _fitted(
        self, ctx: RequestContext, claimed: Claimed, budgets: BudgetPolicy, target: tuple[str, str], amounts: Amounts, outcome: Outcome
    ) -> tuple[Outcome, Amounts]:
        """Where the money that is left pays for a shorter answer, it is taken for that. Each turn meets another budget, or others that took
        some meanwhile."""
        for _ in range(FITTINGS):
            reading = outcome.refused
            fit = None
            if reading is not None and type(reading.claim) is Spend:
                fit = budgets.fitting(ctx, outcome, *target, claimed.reserved)
            if fit is None:
                break
            amounts = msgspec.structs.replace(amounts, nanos=max(0, fit.nanos - claimed.reserved))
            outcome = await self._claim(ctx, claimed, amounts, "rest")
            if outcome.refused is None:
                ctx.max_tokens_cap = fit.max_tokens
                break
        return outcome, amounts

    def _amounts(self, ctx: RequestContext, claimed: Claimed, provider: str | None, model: str | None) -> Amounts:
        """What a call may take; of money, what is not reserved yet. Raises TooMuch, and what the budgets have against it."""
        route, ruled = ctx.route, claimed.ruled
        if route.dialect is None:
            return ONE  # it calls nobody: a list of models, a report
        taken_in = taken_out = nanos = 0
        if not route.counts_only:
            if ruled.wants_input:
                taken_in = input_tokens(ctx)
                if taken_in > ruled.input_limit:
                    raise too_much(taken_in, ruled.input_limit)
            if ruled.wants_output:
                taken_out = output_tokens(ctx, self.averages, ruled.output_limit)
        if ruled.spends and self._budgets is not None:
            nanos = self._budgets.nanos(ctx, provider, model) - claimed.reserved
            if nanos < 0:
                nanos = 0
        return Amounts(taken_in, taken_out, nanos)

    def _used(self, ctx: RequestContext, claimed: Claimed) -> Amounts:
        if not claimed.calls:
            verdict = claimed.verdict or claimed.denied
            unmade = verdict is not None and verdict.error is not None and ctx.cache_status != "hit" and ctx.error == verdict.error.code
            return REFUSED if unmade else ONE
        usage = ctx.usage
        taken_in = taken_out = 0
        if usage is not None:
            taken_in, taken_out = usage.prompt_tokens, usage.output_tokens
            if not usage.estimated and ctx.model is not None and claimed.ruled.wants_output:
                self.averages.note(ctx.model, taken_out)
        for attempt in ctx.attempts:
            bill = attempt.bill
            if bill is not None and attempt.role == "hedge_loser" and bill.payer == "caller":
                taken_in += bill.usage.prompt_tokens
                taken_out += bill.usage.output_tokens
        nanos = ctx.cost_nanos
        if nanos is None:
            nanos = 0
            if claimed.ruled.spends and (usage is not None or ctx.cost is not None):  # an answer whose cost nobody knows
                ctx.cost_nanos = nanos = claimed.reserved
        return Amounts(taken_in, taken_out, nanos, began=ctx.unix_started)

    def _error(self, ctx: RequestContext, outcome: Outcome) -> EdgeError:
        reading = outcome.refused
        if reading is not None and type(reading.claim) is Spend and self._budgets is not None:
            return self._budgets.refusal(outcome, ctx)
        if self._meter is not None and reading is not None:
            claim = reading.claim
            dimension = claim.dimension if type(claim) is Window else "concurrency"
            self._meter.rate_limited(claim.key.partition(":")[0].lower(), dimension)
        return refused(outcome, ctx.route, self._rng)

    def _settled_later(self, ctx: RequestContext, budgets: BudgetPolicy, outcome: Awaitable[Outcome]) -> None:
        """The store is on it already; its future tells."""

        def done(future: Any) -> None:
            if not future.cancelled() and future.exception() is None:
                budgets.settled(ctx, future.result().readings)

        outcome.add_done_callback(done)  # type: ignore[attr-defined]


async def _nothing() -> None:
    """There is nothing to wait for."""


_: type[Admits] = Limiter
