"""What a key's requests for a model count on: every counter, its limit, and how far it is used where a shared Redis knows."""

from typing import Any

from proxy.assembly import budget_rules_of, make_rules
from proxy.core.claims import Claim, Outcome, Spend, Window
from proxy.core.clock import SystemClock
from proxy.core.errors import NotFound
from proxy.core.identity import Roles
from proxy.core.tasks import TaskSupervisor
from proxy.governance.budgets.policy import Budgets
from proxy.governance.keys import principal_of
from proxy.governance.limits.rules import Ruled
from proxy.governance.plans.book import PlanBook
from proxy.settings import Settings
from proxy.storage.hot.admission_memory import MemoryAdmission
from proxy.storage.hot.admission_redis import RedisAdmission
from proxy.storage.plans import PlanRecords
from proxy.storage.records import KeyRecords
from proxy.stores import Closers, open_shared


async def explain(settings: Settings, keys: KeyRecords, plans: PlanRecords, key_id: str, model: str | None) -> list[dict[str, Any]]:
    """Raises NotFound."""
    record = await keys.get(key_id)
    if record is None:
        raise NotFound(f"API key {key_id} not found")
    principal = principal_of(record, Roles({name: role.scopes for name, role in settings.auth.roles.items()}))
    clock, tasks, closers = SystemClock(), TaskSupervisor(), Closers()
    try:
        book = PlanBook(plans, clock, tasks)
        await book.load(principal)
        store: Any = MemoryAdmission(clock)
        shared = settings.stores.redis_url not in (None, "embedded")
        if shared:
            hot, _ = await open_shared(settings, clock=clock, tasks=tasks, closers=closers)
            if hot is not None:
                store = RedisAdmission(hot)
        prices: Any = None  # nothing is quoted
        budgets = Budgets(budget_rules_of(settings), prices, plans=book)
        ruled = make_rules(settings, store, clock, book, budgets).find(principal, model)
        return await _rows(store, ruled, shared) if ruled is not None else []
    finally:
        for closer in reversed(closers):
            await closer()
        await tasks.close()


async def _rows(store: Any, ruled: Ruled, shared: bool) -> list[dict[str, Any]]:
    used: dict[Claim, int] = {}
    if shared:
        outcome = store.read(ruled.prepared)
        outcome = outcome if isinstance(outcome, Outcome) else await outcome
        used = {reading.claim: reading.used for reading in outcome.readings}
    return [_row(claim, used.get(claim)) for group in ruled.groups for claim in group.claims]


def _row(claim: Claim, used: int | None) -> dict[str, Any]:
    if isinstance(claim, Spend):
        return {"counter": claim.key, "dimension": "nano_usd", "limit": claim.cap, "seconds": None, "used": used}
    if isinstance(claim, Window):
        return {"counter": claim.key, "dimension": claim.dimension, "limit": claim.limit, "seconds": claim.span_s, "used": used}
    return {"counter": claim.key, "dimension": "concurrency", "limit": claim.limit, "seconds": None, "used": used}
