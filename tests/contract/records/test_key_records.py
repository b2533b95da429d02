"""What every record store keeps; one suite over all implementations."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.core.entities import Caps, Limits, Raise
from proxy.core.errors import Unavailable
from proxy.storage.open import open_records
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords


@pytest.fixture
async def records(url: str) -> AsyncIterator[KeyRecords]:
    opened = open_records(url)
    yield opened
    await opened.aclose()


def record(key_id: str = "lek_a", **fields: object) -> KeyRecord:
    made = KeyRecord(key_id=key_id, tenant="t", key_hash="0" * 64, created_at=1_800_000_000.125)
    return msgspec.structs.replace(made, **fields)


async def test_what_was_put_comes_back(records: KeyRecords) -> None:
    """Every field, times to the millisecond."""
    full = record(
        role="admin",
        name="näme 🦊",
        status="disabled",
        expires_at=1_900_000_000.5,
        last_used=1_850_000_000.25,
        scopes=("a", "b"),
        models=("gpt-4o",),
        metadata={"x": [1, {"y": None}]},
        agents=("writer",),
        user="ann",
        service="batch",
        team="research",
        project="apollo",
        limits=Limits(rpm=60, qps=0.5),
        caps=Caps(monthly=10**11, warn_at=0.7, raised=Raise(nanos=5, until=1_900_000_000.0)),
        allowed_ips=("10.0.0.0/8",),
        revoked_at=1_860_000_000.5,
        door="agent",
        replaced_by="lek_z",
        version=7,
    )
    await records.create(full)
    assert await records.get("lek_a") == full


async def test_defaults_come_back_too(records: KeyRecords) -> None:
    """None stays None, empty stays empty."""
    await records.create(record(models=(), agents=()))
    await records.create(record("lek_b"))
    assert await records.get("lek_a") == record(models=(), agents=())
    assert await records.get("lek_b") == record("lek_b")


async def test_an_unknown_key_is_none(records: KeyRecords) -> None:
    """Not an error."""
    assert await records.get("lek_none") is None


async def test_a_key_is_created_once(records: KeyRecords) -> None:
    """The first record stands."""
    await records.create(record(name="first"))
    with pytest.raises(KeyExists):
        await records.create(record(name="second"))
    found = await records.get("lek_a")
    assert found is not None
    assert found.name == "first"


async def test_the_first_key_is_created_in_an_empty_store_only(records: KeyRecords) -> None:
    """Of many at once, one wins."""
    won = await asyncio.gather(*(records.create_first(record(f"lek_{n}")) for n in range(8)))
    assert sum(won) == 1
    assert len(await records.list()) == 1


async def test_lists_are_ordered_and_filtered(records: KeyRecords) -> None:
    """By status and tenant, or both."""
    await records.create(record("lek_c", tenant="u"))
    await records.create(record("lek_a"))
    await records.create(record("lek_b", status="revoked"))
    assert [item.key_id for item in await records.list()] == ["lek_a", "lek_b", "lek_c"]
    assert [item.key_id for item in await records.list(status="active")] == ["lek_a", "lek_c"]
    assert [item.key_id for item in await records.list(tenant="t")] == ["lek_a", "lek_b"]
    assert [item.key_id for item in await records.list(tenant="t", status="revoked")] == ["lek_b"]


async def test_lists_come_in_pages(records: KeyRecords) -> None:
    """Each begins after the last id of the one before."""
    for n in range(5):
        await records.create(record(f"lek_{n}"))
    first = await records.list(limit=2)
    second = await records.list(limit=2, after=first[-1].key_id)
    third = await records.list(limit=2, after=second[-1].key_id)
    assert [item.key_id for item in (*first, *second, *third)] == [f"lek_{n}" for n in range(5)]


async def test_a_status_changes(records: KeyRecords) -> None:
    """And nothing else does; an unknown key says so."""
    await records.create(record())
    assert await records.set_status("lek_a", "revoked")
    assert await records.get("lek_a") == record(status="revoked", version=2)
    assert not await records.set_status("lek_none", "revoked")


async def test_last_use_only_moves_forward(records: KeyRecords) -> None:
    """Replicas write in any order; unknown keys are ignored."""
    await records.create(record())
    for unix_s in (1_800_000_010.0, 1_800_000_005.0):
        await records.touch({"lek_a": unix_s, "lek_none": unix_s})
    await records.touch({})
    found = await records.get("lek_a")
    assert found is not None
    assert found.last_used == 1_800_000_010.0


async def test_meta_is_set_once(records: KeyRecords) -> None:
    """Everybody ends up with the same value."""
    assert await records.meta("x") is None
    values = await asyncio.gather(*(records.meta_once("x", str(n)) for n in range(5)))
    assert len(set(values)) == 1
    assert await records.meta("x") == values[0]


async def test_ping_returns_from_a_live_store(records: KeyRecords) -> None:
    """Readiness asks it."""
    await records.ping()


async def test_a_closed_store_is_unavailable(records: KeyRecords) -> None:
    """Closing twice is fine; a request that comes too late gets 503."""
    await records.ping()
    await records.aclose()
    await records.aclose()
    with pytest.raises(Unavailable):
        await records.get("lek_a")


async def test_hostile_text_is_only_text(records: KeyRecords) -> None:
    """No value is ever part of a statement."""
    evil = "'; DROP TABLE keys; --"
    await records.create(record(evil, tenant=evil, name=evil))
    assert (await records.list(tenant=evil))[0].name == evil
    assert await records.set_status(evil, "revoked")


async def test_a_key_is_found_by_its_hash(records: KeyRecords) -> None:
    """One that doesn't name itself."""
    await records.create(record())
    await records.create(record("lek_b", key_hash="b" * 64))
    assert await records.by_hash("b" * 64) == record("lek_b", key_hash="b" * 64)
    assert await records.by_hash("c" * 64) is None


async def test_a_change_needs_the_version_that_it_was_made_from(records: KeyRecords) -> None:
    """Of two writers the second is told; what was used meanwhile stays."""
    await records.create(record())
    await records.touch({"lek_a": 1_810_000_000.0})
    changed = record(name="new", version=2, limits=Limits(rpm=1))
    assert await records.replace(changed, 1)
    assert not await records.replace(record(name="late", version=2), 1)
    assert not await records.replace(record("lek_none", version=2), 1)
    assert await records.get("lek_a") == msgspec.structs.replace(changed, last_used=1_810_000_000.0)


async def test_a_new_status_is_a_change(records: KeyRecords) -> None:
    """Who has read it before is told."""
    await records.create(record())
    await records.set_status("lek_a", "revoked")
    assert not await records.replace(record(name="late", version=2), 1)
    stored = await records.get("lek_a")
    assert stored is not None
    assert (stored.status, stored.version) == ("revoked", 2)
