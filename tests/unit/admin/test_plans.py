"""`/v1/admin/plans` (through a whole gateway: tests/contract/test_contract_p_plans.py)."""

from proxy.admin.events import KeptEvents
from proxy.admin.plans import PlanRoutes
from proxy.core.entities import Caps, Raise
from proxy.storage.hot.board import LocalBoard
from proxy.storage.plans import Plan
from proxy.storage.plans_memory import MemoryPlans
from proxy.storage.records_memory import MemoryRecords
from tests.support.clock import FakeClock


async def test_a_tenants_cap_with_what_it_is_raised_by() -> None:
    """Until that is over."""
    clock, plans = FakeClock(), MemoryPlans()
    routes = PlanRoutes(plans, MemoryRecords(), LocalBoard(clock), clock, KeptEvents(), lambda: 10.0)
    assert await routes.tenant_cap("acme") is None
    caps = Caps(monthly=5, raised=Raise(nanos=2, until=clock.time() + 10))
    await plans.create(Plan(usage_id="u", entity_type="TENANT", entity_id="acme", tenant="acme", caps=caps, created_at=1.0))
    assert await routes.tenant_cap("acme") == 7
    clock.advance(11)
    assert await routes.tenant_cap("acme") == 5
