"""Plans of a principal's entities, from memory."""

import asyncio

import msgspec
import pytest

from proxy.core.entities import Caps, Entity, EntityType, Limits
from proxy.core.errors import Unavailable
from proxy.core.identity import Principal
from proxy.core.tasks import TaskSupervisor
from proxy.governance.plans.book import NO_PLANS, PlanBook, PlanNotices, PlanSet, follow_plans
from proxy.storage.hot.board import LocalBoard
from proxy.storage.plans import Plan
from proxy.storage.plans_memory import MemoryPlans
from tests.support.clock import FakeClock

ANN = Principal(key_id="k1", tenant="acme", user="ann", team="search")
OTHER = Principal(key_id="k2", tenant="other", user="ann")


def plan(entity_type: EntityType, entity_id: str, tenant: str = "acme", **more: object) -> Plan:
    return Plan(usage_id=f"{entity_type}-{entity_id}", entity_type=entity_type, entity_id=entity_id, tenant=tenant, created_at=1.0, **more)  # type: ignore[arg-type]


class World:
    def __init__(self) -> None:
        self.clock, self.records, self.tasks = FakeClock(), MemoryPlans(), TaskSupervisor()
        self.board = LocalBoard(self.clock)
        self.book = PlanBook(self.records, self.clock, self.tasks, 10.0)
        follow_plans(self.board, self.book)

    async def change(self, plan: Plan, **changes: object) -> None:
        assert await self.records.replace(msgspec.structs.replace(plan, version=plan.version + 1, **changes), plan.version)


async def test_all_entities_in_one_question() -> None:
    """Those of another tenant with the same id are others."""
    world = World()
    await world.records.create(plan("USER", "ann", default_limits=Limits(rpm=3)))
    await world.records.create(plan("TENANT", "acme", caps=Caps(monthly=5)))
    assert world.book.find(ANN) is None
    found = await world.book.load(ANN)
    assert world.book.find(ANN) is found
    assert found.limits(Entity("USER", "ann", "acme"), "*") == Limits(rpm=3)
    assert found.caps(Entity("TENANT", "acme", "acme")) == Caps(monthly=5)
    assert found.limits(Entity("DEPARTMENT", "search", "acme"), "*").empty
    assert await world.book.load(OTHER) is NO_PLANS


async def test_keys_of_the_settings_are_served_without_a_store_until_it_answers() -> None:
    """It is asked again a second later, in the background: an outage costs no request a time-out."""
    world, static = World(), msgspec.structs.replace(ANN, configured=True)
    await world.records.create(plan("USER", "ann", active=False))
    world.records.fail(True)
    assert await world.book.load(static) is NO_PLANS
    assert world.book.find(static) is NO_PLANS
    with pytest.raises(Unavailable):
        await PlanBook(world.records, world.clock, world.tasks, needed=True).load(static)
    world.records.fail(False)
    world.clock.advance(1.1)
    assert world.book.find(static) is NO_PLANS
    await asyncio.sleep(0.01)
    found = world.book.find(static)
    assert found is not None
    assert not found.active


async def test_another_record_of_the_same_entities_needs_no_question() -> None:
    """As the next token of a user is."""
    world = World()
    found = await world.book.load(ANN)
    world.records.fail(True)
    assert world.book.find(msgspec.structs.replace(ANN, name="again")) is found


async def test_the_same_object_until_a_plan_changes() -> None:
    """Refreshed in the background once it is old."""
    world, team = World(), plan("DEPARTMENT", "search")
    await world.records.create(team)
    first = await world.book.load(ANN)
    world.clock.advance(11)
    assert world.book.find(ANN) is first
    await asyncio.sleep(0.01)
    assert world.book.find(ANN) is first
    await world.change(team, active=False)
    world.clock.advance(11)
    assert world.book.find(ANN) is first
    await asyncio.sleep(0.01)
    second = world.book.find(ANN)
    assert second is not None
    assert not second.active


async def test_long_unasked_plans_are_asked_for_first() -> None:
    """They are not served once as they were an hour ago."""
    world = World()
    await world.book.load(ANN)
    world.clock.advance(3600)
    assert world.book.find(ANN) is None


async def test_a_notice_drops_a_tenants_alone() -> None:
    world = World()
    await world.book.load(ANN)
    kept = await world.book.load(OTHER)
    PlanNotices(world.board, 10.0).changed("acme", 1.0)
    await asyncio.sleep(0.01)
    assert world.book.find(ANN) is None
    assert world.book.find(OTHER) is kept


async def test_a_store_that_is_down() -> None:
    """Known plans go on, after a notice too; unknown ones are 503."""
    world = World()
    known = await world.book.load(ANN)
    world.records.fail(True)
    with pytest.raises(Unavailable):
        await world.book.load(OTHER)
    world.book.drop_all()
    assert await world.book.load(ANN) is known
    assert world.book.find(ANN) is known


def test_every_plan_must_permit() -> None:
    found = PlanSet([plan("USER", "ann", model_permissions=("m", "p/x")), plan("TENANT", "acme", model_permissions=("m",))])
    assert found.permits("m", "p", "y")
    assert not found.permits("other", "p", "x")
    assert not found.permissive
    assert PlanSet([plan("USER", "ann")]).permissive


def test_a_model_of_its_own() -> None:
    """Fills up from what holds for all."""
    found = PlanSet([plan("USER", "ann", default_limits=Limits(rpm=5, input_tpm=10), model_limits={"m": Limits(rpm=1)})])
    ann = Entity("USER", "ann", "acme")
    assert found.limits(ann, "m") == Limits(rpm=1, input_tpm=10)
    assert found.limits(ann, "n") == found.limits(ann, "*") == Limits(rpm=5, input_tpm=10)
    assert found.names("m")
    assert not found.names("n")


def test_principals_of_no_tenant_count_together_for_a_plan_of_none() -> None:
    """Each for its own plan, where there is one; a key's is its own anyway."""
    keys = [Principal(key_id=name, tenant=name, user="bob", service="s") for name in ("k1", "k2")]
    shared = [plan("USER", "bob", "SYSTEM"), plan("SERVICE", "s", "SYSTEM"), plan("API_KEY", "k1", "SYSTEM")]
    found = [PlanSet([*shared, plan("SERVICE", "s", "k1")], "k1"), PlanSet(shared, "k2")]
    for kind, homes in (("USER", ["SYSTEM", "SYSTEM"]), ("SERVICE", ["k1", "SYSTEM"]), ("API_KEY", ["k1", "k2"]), ("TENANT", ["k1", "k2"])):
        entities = [next(entity for entity in key.entities() if entity.type == kind) for key in keys]
        assert [rules.tenant_of(entity) for rules, entity in zip(found, entities, strict=True)] == homes
