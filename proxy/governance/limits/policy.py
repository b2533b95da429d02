"""What the limiter asks others: budgets for money, usage plans for the limits of whoever a request counts for."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from proxy.core.claims import Outcome, Reading, Spend
from proxy.core.context import RequestContext
from proxy.core.entities import Caps, Entity, Limits
from proxy.core.errors import EdgeError
from proxy.core.identity import Principal


class Fit(msgspec.Struct, frozen=True):
    """A call with fewer output tokens than it asked for."""

    max_tokens: int
    """Of a choice."""
    nanos: int
    """As `BudgetPolicy.nanos`."""


class BudgetPolicy(Protocol):
    """Money. Its claims join what a call to a provider takes (`rest`), under the principal's tenant."""

    anybody: bool
    """Whether it may concern a principal without caps of its own."""

    def claims(self, principal: Principal, now: float) -> tuple[Spend, ...]:
        """`now`: unix seconds. Asked when rules are made, and again when the first `ends_at` of them is over."""
        ...

    def nanos(self, ctx: RequestContext, provider: str | None, model: str | None) -> int:
        """What the request may cost in all if this target is called now, or (None) the dearest one that is permitted: further calls of a
        request come on top, those that failed and cost nothing do not count. Raises what is to be answered where a budget applies and there
        is no price; for None nothing."""
        ...

    def fitting(self, ctx: RequestContext, outcome: Outcome, provider: str, model: str, reserved: int) -> "Fit | None":
        """For a refused call to this target: what can be had of it for the money that is left. `reserved`: nano-USD that the request has
        already. None: too little."""
        ...

    def refusal(self, outcome: Outcome, ctx: RequestContext) -> EdgeError:
        """For a claim whose `refused` is a Spend."""
        ...

    def settled(self, ctx: RequestContext, readings: Sequence[Reading]) -> None:
        """The money counters of a request after its settlement."""
        ...

    def spent(self, spend: Spend, tenant: str) -> Awaitable[int]:
        """What the ledger has for a counter that the store lost or never had: it is restored to that before anything is taken from it.
        Raises Unavailable where the ledger cannot say."""
        ...

    def spent_before(self, spend: Spend, tenant: str, before: int) -> Awaitable[int]:
        """The same of requests that began before this, unix seconds, as the ledger has it by now."""
        ...


class PlanRules(Protocol):
    """The plans of a principal's entities, as they are now."""

    @property
    def active(self) -> bool: ...

    @property
    def permissive(self) -> bool:
        """Whether every model is permitted."""
        ...

    def names(self, model: str | None) -> bool:
        """Whether one of them has limits of this model alone."""
        ...

    def limits(self, entity: Entity, model: str) -> Limits:
        """`*`: what holds for all models without limits of their own, which share a counter. A model's name: its own limits, with the
        others' where it has none; equal to those of `*` where it has none at all."""
        ...

    def caps(self, entity: Entity) -> Caps | None: ...

    def tenant_of(self, entity: Entity) -> str:
        """Under which the entity's counters are kept: its own, or that of a plan which all principals of no tenant share."""
        ...

    def permits(self, name: str | None, provider: str, model: str) -> bool: ...


class EntityRules(Protocol):
    """Where plans are kept."""

    def find(self, principal: Principal) -> PlanRules | None:
        """From memory; None: they have to be loaded. The same object until one of the plans changes: rules are made anew when it is
        another."""
        ...

    def load(self, principal: Principal) -> Awaitable[PlanRules]: ...
