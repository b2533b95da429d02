"""Budgets over the counters in the process, with targets, plans and a ledger of a test's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.core.claims import Reading
from proxy.core.entities import Caps, Entity, Limits
from proxy.core.errors import EdgeError
from proxy.core.identity import Principal
from proxy.core.priced import Priced
from proxy.core.pricing import Price, Tariff
from proxy.governance.budgets.alerts import Alerts
from proxy.governance.budgets.policy import BudgetRules, Budgets
from tests.unit.governance.limits.made import World

NOW = 1_796_083_200.0
"""2026-12-01."""


def priced(input: float = 10, output: float = 100, **more: Any) -> Priced:
    """USD per million tokens."""
    prices = (Price(meter="input", pico_usd=int(input * 1e6)), Price(meter="output", pico_usd=int(output * 1e6)))
    return Priced(tariff=Tariff(prices), **more)


class Targets:
    """`p/m` and `q/m` for the name `m`."""

    def __init__(self, **targets: Priced) -> None:
        self.targets_ = targets or {"p": priced()}

    def of(self, provider: str, model: str) -> Priced:
        return self.targets_[provider]

    def targets(self, name: str) -> Sequence[tuple[str, str, str]]:
        return [(name, provider, "m") for provider in self.targets_]


class Planned:
    active = True

    def __init__(self, caps: Mapping[tuple[str, str], Caps]) -> None:
        self._caps = caps

    def find(self, principal: Principal) -> "Planned":
        return self

    async def load(self, principal: Principal) -> "Planned":
        return self

    def limits(self, entity: Entity, model: str) -> Limits:
        return Limits()

    def caps(self, entity: Entity) -> Caps | None:
        return self._caps.get((entity.type, entity.id))

    def tenant_of(self, entity: Entity) -> str:
        return entity.tenant

    permissive = True

    def names(self, model: str | None) -> bool:
        return True

    def permits(self, name: str | None, provider: str, model: str) -> bool:
        return True


class Ledger:
    """Answers with `spent`, by entity type."""

    def __init__(self, **spent: int) -> None:
        self.spent_ = spent
        self.asked: list[tuple[str, float, float]] = []
        self.error: EdgeError | None = None

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        self.asked.append((f"{entity.tenant}/{entity.type}/{entity.id}", since, until))
        if self.error is not None:
            raise self.error
        return self.spent_.get(entity.type, 0)


class Told:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.counts: list[tuple[str, ...]] = []

    def tell(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def budget_alert(self, kind: str, entity: str, period: str) -> None:
        self.counts.append((kind, entity, period))

    def budget_refused(self, entity: str, period: str) -> None:
        self.counts.append(("refused", entity, period))


class Spending(World):
    """A limiter with budgets."""

    def __init__(
        self,
        *,
        targets: Targets | None = None,
        caps: Mapping[tuple[str, str], Caps] | None = None,
        ledger: Ledger | None = None,
        **rules: Any,
    ) -> None:
        self.told = Told()
        self.ledger = ledger or Ledger()
        self.alerts = Alerts(meter=self.told, hook=self.told)
        plans: Any = Planned(caps) if caps is not None else None
        records: Any = self.ledger
        self.budgets = Budgets(
            BudgetRules(**rules), targets or Targets(), records=records, alerts=self.alerts, plans=plans, meter=self.told
        )
        budgets: Any = self.budgets
        super().__init__(budgets=budgets, plans=plans)

    def standing(self, principal: Principal) -> dict[str, tuple[int, int]]:
        """Counter → (settled, reserved)."""
        ruled = self.book.find(principal, "m")
        assert ruled is not None
        readings: Sequence[Reading] = self.store.read(ruled.prepared).readings
        return {getattr(r.claim, "key", ""): (r.used - r.reserved, r.reserved) for r in readings}
