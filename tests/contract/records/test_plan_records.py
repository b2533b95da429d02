"""What every store of usage plans keeps; one suite over all implementations."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.core.entities import Caps, Limits, Raise
from proxy.core.errors import Unavailable
from proxy.storage.open import open_plans
from proxy.storage.plans import Plan, PlanExists, PlanRecords


@pytest.fixture
async def records(url: str) -> AsyncIterator[PlanRecords]:
    opened = open_plans(url)
    yield opened
    await opened.aclose()


def plan(entity_id: str = "ann", **fields: object) -> Plan:
    made = Plan(usage_id=f"u-{entity_id}", entity_type="USER", entity_id=entity_id, created_at=1_800_000_000.125)
    return msgspec.structs.replace(made, **fields)


async def test_what_was_put_comes_back(records: PlanRecords) -> None:
    """Every field, times to the millisecond."""
    full = plan(
        "änn 🦊",
        entity_type="API_KEY",
        tenant="t",
        model_permissions=("gpt-*", "claude"),
        default_limits=Limits(rpm=60, input_tpm=40_000, output_tpm=10_000, concurrency=3, qps=0.5, burst=7),
        model_limits={"gpt-4o": Limits(rpm=1), "näme.with/dots": Limits()},
        caps=Caps(monthly=10**15, daily=1, soft=True, warn_at=0.7, raised=Raise(nanos=5, until=1_900_000_000.0)),
        budget_id="b",
        active=False,
        metadata={"x": [1, {"y": None}], "z": 0.25},
        version=7,
    )
    await records.create(full)
    assert await records.get("t", "API_KEY", "änn 🦊") == full


async def test_defaults_come_back_too(records: PlanRecords) -> None:
    """None stays None, empty stays empty."""
    await records.create(plan())
    await records.create(plan("bob", model_permissions=()))
    assert await records.get("SYSTEM", "USER", "ann") == plan()
    assert await records.get("SYSTEM", "USER", "bob") == plan("bob", model_permissions=())


async def test_an_unknown_one_is_none(records: PlanRecords) -> None:
    """Whichever part of its name differs."""
    await records.create(plan())
    assert await records.get("SYSTEM", "USER", "bob") is None
    assert await records.get("SYSTEM", "SERVICE", "ann") is None
    assert await records.get("t", "USER", "ann") is None


async def test_an_entity_has_one_plan(records: PlanRecords) -> None:
    """The first stands."""
    await records.create(plan(budget_id="first"))
    with pytest.raises(PlanExists):
        await records.create(plan(usage_id="u-2", budget_id="second"))
    assert await records.get("SYSTEM", "USER", "ann") == plan(budget_id="first")


async def test_of_many_creators_one_wins(records: PlanRecords) -> None:
    """At the same time."""
    outcomes = await asyncio.gather(*(records.create(plan(usage_id=f"u{n}")) for n in range(8)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, PlanExists) for outcome in outcomes) == 7


async def test_two_tenants_may_have_the_same_entity(records: PlanRecords) -> None:
    """And two types the same id: each has its own plan, whoever came first, also after the other's went."""
    await records.create(plan(tenant="t", usage_id="1"))
    await records.create(plan(tenant="u", usage_id="2"))
    await records.create(plan(tenant="u", entity_type="SERVICE", usage_id="3"))
    assert [await records.get(tenant, "USER", "ann") for tenant in ("t", "u")] == [
        plan(tenant="t", usage_id="1"),
        plan(tenant="u", usage_id="2"),
    ]
    with pytest.raises(PlanExists):
        await records.create(plan(tenant="u", usage_id="4"))
    assert await records.delete("t", "USER", "ann")
    with pytest.raises(PlanExists):
        await records.create(plan(tenant="u", usage_id="4"))
    assert await records.replace(plan(tenant="u", usage_id="2", version=2), 1)
    await records.create(plan(tenant="t", usage_id="5"))
    assert await records.get("u", "USER", "ann") == plan(tenant="u", usage_id="2", version=2)
    assert await records.get("t", "USER", "ann") == plan(tenant="t", usage_id="5")
    assert await records.delete("u", "USER", "ann")
    assert await records.get("u", "USER", "ann") is None


async def test_many_are_found_in_one_question(records: PlanRecords) -> None:
    """Those that there are, each once."""
    await records.create(plan())
    await records.create(plan("bob", tenant="t"))
    await records.create(plan("team", entity_type="DEPARTMENT"))
    found = await records.get_many(
        [("SYSTEM", "USER", "ann"), ("t", "USER", "bob"), ("SYSTEM", "USER", "bob"), ("SYSTEM", "PROJECT", "x"), ("SYSTEM", "USER", "ann")]
    )
    assert sorted(item.entity_id for item in found) == ["ann", "bob"]
    assert await records.get_many([]) == []


async def test_a_hashed_keys_plan_is_found_without_its_tenant(records: PlanRecords) -> None:
    """Of API_KEYs alone; the eldest, where there are several."""
    digest = "ab" * 32
    assert await records.by_key(digest) is None
    await records.create(plan(digest, tenant="t", usage_id="1"))
    assert await records.by_key(digest) is None
    eldest = plan(digest, tenant="u", entity_type="API_KEY", usage_id="2", active=False)
    await records.create(eldest)
    await records.create(plan(digest, tenant="s", entity_type="API_KEY", usage_id="0", created_at=1_800_000_001.0))
    assert await records.by_key(digest) == eldest
    assert await records.by_key("cd" * 32) is None


async def test_more_than_a_hundred_at_once(records: PlanRecords) -> None:
    """What a back end takes in one question is its own affair."""
    for n in range(120):
        await records.create(plan(f"e{n}"))
    found = await records.get_many([("SYSTEM", "USER", f"e{n}") for n in range(150)])
    assert len(found) == 120


async def test_lists_are_ordered_and_filtered(records: PlanRecords) -> None:
    """By tenant and type, or both."""
    await records.create(plan("c", tenant="u"))
    await records.create(plan("a"))
    await records.create(plan("b", entity_type="SERVICE"))
    assert [item.entity_id for item in await records.list()] == ["a", "b", "c"]
    assert [item.entity_id for item in await records.list(tenant="SYSTEM")] == ["a", "b"]
    assert [item.entity_id for item in await records.list(entity_type="USER")] == ["a", "c"]
    assert [item.entity_id for item in await records.list(tenant="SYSTEM", entity_type="SERVICE")] == ["b"]


async def test_lists_come_in_pages(records: PlanRecords) -> None:
    """Each begins after the last id of the one before."""
    for n in range(5):
        await records.create(plan(str(n)))
    first = await records.list(limit=2)
    second = await records.list(limit=2, after=first[-1].usage_id)
    third = await records.list(limit=2, after=second[-1].usage_id)
    assert [item.entity_id for item in (*first, *second, *third)] == [str(n) for n in range(5)]


async def test_a_change_needs_the_version_that_it_was_made_from(records: PlanRecords) -> None:
    """Of two writers the second is told."""
    await records.create(plan())
    changed = plan(active=False, version=2, default_limits=Limits(rpm=1), model_limits={"m": Limits(rpm=2)})
    assert await records.replace(changed, 1)
    assert not await records.replace(plan(budget_id="late", version=2), 1)
    assert not await records.replace(plan("none", version=2), 1)
    assert await records.get("SYSTEM", "USER", "ann") == changed


async def test_of_many_writers_one_wins(records: PlanRecords) -> None:
    """At the same time, with the same version in mind."""
    await records.create(plan())
    done = await asyncio.gather(*(records.replace(plan(budget_id=str(n), version=2), 1) for n in range(8)))
    assert sum(done) == 1


async def test_a_deleted_one_is_unknown(records: PlanRecords) -> None:
    """Deleting twice says so; it may be made again."""
    await records.create(plan())
    assert await records.delete("SYSTEM", "USER", "ann")
    assert not await records.delete("SYSTEM", "USER", "ann")
    assert await records.get("SYSTEM", "USER", "ann") is None
    await records.create(plan())


async def test_hostile_text_is_only_text(records: PlanRecords) -> None:
    """No value is ever part of a statement."""
    evil = "'; DROP TABLE plans; --"
    await records.create(plan(evil, tenant=evil, metadata={evil: evil}))
    assert (await records.list(tenant=evil))[0].metadata == {evil: evil}
    assert await records.delete(evil, "USER", evil)


async def test_a_closed_store_is_unavailable(records: PlanRecords) -> None:
    """Closing twice is fine; a request that comes too late gets 503."""
    await records.create(plan())
    await records.aclose()
    await records.aclose()
    for call in (records.get("SYSTEM", "USER", "ann"), records.get_many([]), records.list(), records.delete("SYSTEM", "USER", "ann")):
        with pytest.raises(Unavailable):
            await call
