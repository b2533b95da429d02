"""POSTs that make usage plans, sent twice (over a socket: tests/contract/test_contract_p_plans.py)."""

import pytest

from proxy.admin.idempotent_plans import IdempotentPlan
from proxy.core.errors import BadRequest, Conflict, IdempotencyMismatch
from proxy.storage.plans import Plan, PlanExists
from proxy.storage.plans_memory import MemoryPlans
from proxy.storage.records_memory import MemoryRecords


class Desk:
    def __init__(self) -> None:
        self.records, self.plans = MemoryRecords(), MemoryPlans()

    async def once(self, body: object = None, *, owner: str = "a", route: str = "/r", dies: bool = False) -> tuple[Plan, bool]:
        async def make(usage_id: str) -> Plan:
            if dies:
                raise ConnectionError
            made = Plan(usage_id=usage_id, entity_type="USER", entity_id="ann", created_at=1.0)
            await self.plans.create(made)
            return made

        asked = IdempotentPlan(self.records, owner, route, b"key", body)
        return await asked.once(lambda: self.plans.get("SYSTEM", "USER", "ann"), make)


async def test_the_same_plan_again() -> None:
    desk = Desk()
    made, earlier = await desk.once()
    assert not earlier
    assert await desk.once() == (made, True)


async def test_what_was_promised_is_made_after_a_crash() -> None:
    """With the id that was promised, so that of two that go on one makes it."""
    desk = Desk()
    with pytest.raises(ConnectionError):
        await desk.once(dies=True)
    made, earlier = await desk.once()
    assert not earlier
    assert await desk.once(dies=True) == (made, True)


async def test_another_body_is_refused_and_another_owner_or_route_is_another_key() -> None:
    """These meet the plan that is there, which they did not make."""
    desk = Desk()
    await desk.once({"rpm": 1})
    with pytest.raises(IdempotencyMismatch):
        await desk.once({"rpm": 2})
    for other in ({"owner": "b"}, {"route": "/other"}):
        with pytest.raises(PlanExists):
            await desk.once({"rpm": 1}, **other)  # type: ignore[arg-type]


async def test_what_was_deleted_is_not_made_again() -> None:
    desk = Desk()
    await desk.once()
    await desk.plans.delete("SYSTEM", "USER", "ann")
    with pytest.raises(Conflict):
        await desk.once()
    assert await desk.plans.get("SYSTEM", "USER", "ann") is None


@pytest.mark.parametrize("header", [b"", b"x" * 256, "ä".encode()])
def test_no_keys(header: bytes) -> None:
    with pytest.raises(BadRequest):
        IdempotentPlan(MemoryRecords(), "a", "/r", header, {})
