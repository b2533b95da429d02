"""The life of usage plans."""

import pytest

from proxy.admin.answer import VersionConflict
from proxy.admin.events import KeptEvents
from proxy.admin.key_service import Actor
from proxy.admin.plan_service import PlanService
from proxy.core.errors import NotFound
from proxy.storage.plans_memory import MemoryPlans
from tests.support.clock import FakeClock


class Notices:
    def __init__(self) -> None:
        self.tenants: list[str] = []

    def changed(self, tenant: str, at: float) -> None:
        self.tenants.append(tenant)


async def test_a_tenants_cap_makes_its_plan_and_then_changes_it() -> None:
    """Told of and recorded each time; not when nothing changes."""
    notices, events = Notices(), KeptEvents()
    service = PlanService(MemoryPlans(), FakeClock(), notices, events)
    actor = Actor(key_id="ops")
    for nanos in (5, 7, 7):
        plan = await service.set_cap(actor, "acme", nanos)
    assert (plan.version, notices.tenants, [e.action for e in events.events]) == (2, ["acme"] * 2, ["plan.created", "plan.updated"])
    with pytest.raises(NotFound):
        await service.get(Actor(key_id="x", tenant="other"), "acme", "TENANT", "acme")
    with pytest.raises(VersionConflict):
        await service.delete(actor, "acme", "TENANT", "acme", expected=1)
