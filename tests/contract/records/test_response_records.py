"""What every store of issued answers keeps; one suite over all implementations."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.core.errors import Unavailable
from proxy.storage.open import BackEnd, open_responses
from proxy.storage.responses import ResponseRecord, ResponseRecords

NOW = 1_800_000_000.0


@pytest.fixture
async def records(url: str) -> AsyncIterator[ResponseRecords]:
    opened = open_responses(url)
    yield opened
    await opened.aclose()


def record(response_id: str = "resp_a", **fields: object) -> ResponseRecord:
    made = ResponseRecord(
        response_id=response_id,
        tenant="t",
        key_id="lek_a",
        asked="smart",
        provider="openai",
        model="gpt-4o",
        at_provider=True,
        created_at=NOW + 0.125,
        expires_at=NOW + 60,
    )
    return msgspec.structs.replace(made, **fields)


@pytest.mark.parametrize("kept", [None, b"", b'\x00\xff{"a": 1}'])
async def test_what_was_put_comes_back(records: ResponseRecords, kept: bytes | None) -> None:
    """Every field, times to the millisecond, content byte for byte."""
    full = record("résp_🦊", account="0123456789abcdef", at_provider=False, kept=kept)
    await records.put(full)
    assert await records.get("t", "résp_🦊", NOW) == full


async def test_only_the_tenant_that_made_it_finds_it(records: ResponseRecords) -> None:
    """For any other it is as unknown as one that never was, and cannot be deleted."""
    await records.put(record())
    assert await records.get("u", "resp_a", NOW) is None
    assert await records.get("t", "resp_none", NOW) is None
    assert not await records.delete("u", "resp_a")
    assert await records.get("t", "resp_a", NOW) is not None


async def test_two_tenants_may_have_the_same_id(records: ResponseRecords) -> None:
    """Two upstreams may issue it: neither record takes the other's place."""
    await records.put(record(model="one"))
    await records.put(record(tenant="u", model="two"))
    found = [await records.get(tenant, "resp_a", NOW) for tenant in ("t", "u")]
    assert [item.model for item in found if item is not None] == ["one", "two"]
    assert await records.delete("t", "resp_a")
    assert await records.get("u", "resp_a", NOW) is not None


async def test_the_latest_record_stands(records: ResponseRecords) -> None:
    """An upstream that issues an id twice means the second."""
    await records.put(record(model="one", kept=b"1"))
    await records.put(record(model="two"))
    found = await records.get("t", "resp_a", NOW)
    assert found == record(model="two")


async def test_a_deleted_one_is_unknown(records: ResponseRecords) -> None:
    """Deleting twice says so."""
    await records.put(record())
    assert await records.delete("t", "resp_a")
    assert not await records.delete("t", "resp_a")
    assert await records.get("t", "resp_a", NOW) is None


async def test_an_expired_one_is_unknown(records: ResponseRecords) -> None:
    """From its last moment on, purged or not."""
    await records.put(record(expires_at=NOW + 1))
    assert await records.get("t", "resp_a", NOW + 0.999) is not None
    assert await records.get("t", "resp_a", NOW + 1) is None


async def test_purging_drops_what_has_expired(records: ResponseRecords, back_end: BackEnd) -> None:
    """And says how many; also more than go at once. DynamoDB does it by itself."""
    if back_end == "dynamodb":
        await records.put(record(expires_at=NOW - 1))
        assert await records.purge(NOW) == 0
        return
    for n in range(1201):
        await records.put(record(f"resp_{n}", expires_at=NOW + n))
    assert await records.purge(NOW + 1199) == 1200
    assert await records.purge(NOW + 1199) == 0
    assert await records.get("t", "resp_1200", NOW) is not None


async def test_many_at_once(records: ResponseRecords) -> None:
    """Each finds its own."""
    await asyncio.gather(*(records.put(record(f"resp_{n}", model=str(n))) for n in range(50)))
    found = await asyncio.gather(*(records.get("t", f"resp_{n}", NOW) for n in range(50)))
    assert [item.model for item in found if item is not None] == [str(n) for n in range(50)]


async def test_a_closed_store_is_unavailable(records: ResponseRecords) -> None:
    """Closing twice is fine; a request that comes too late gets 503."""
    await records.put(record())
    await records.aclose()
    await records.aclose()
    with pytest.raises(Unavailable):
        await records.get("t", "resp_a", NOW)


async def test_hostile_text_is_only_text(records: ResponseRecords) -> None:
    """No value is ever part of a statement."""
    evil = "'; DROP TABLE responses; --"
    await records.put(record(evil, tenant=evil, model=evil))
    found = await records.get(evil, evil, NOW)
    assert found is not None
    assert found.model == evil
    assert await records.delete(evil, evil)
