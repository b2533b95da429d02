"""Issued answers in memory."""

import msgspec
import pytest

from proxy.core.errors import Unavailable
from proxy.storage.responses import ResponseRecord
from proxy.storage.responses_memory import MemoryResponses

RECORD = ResponseRecord(
    response_id="resp_0",
    tenant="t",
    key_id="k",
    asked="m",
    provider="p",
    model="m",
    at_provider=False,
    created_at=1.0,
    expires_at=10.0,
    kept=b"x" * 1000,
)


async def test_the_oldest_go_when_it_is_full() -> None:
    """Counted in bytes; one that is larger than all of it still stands alone."""
    records = MemoryResponses(max_bytes=5000)
    for n in range(5):
        await records.put(msgspec.structs.replace(RECORD, response_id=f"resp_{n}"))
    assert len(records) == 2
    assert await records.get("t", "resp_2", 1.0) is None
    assert await records.get("t", "resp_4", 1.0) is not None
    await records.put(msgspec.structs.replace(RECORD, kept=b"x" * 9000))
    assert len(records) == 1


async def test_replacing_and_deleting_give_room() -> None:
    """The same id twice is counted once."""
    records = MemoryResponses(max_bytes=5000)
    for _ in range(5):
        await records.put(RECORD)
    await records.put(msgspec.structs.replace(RECORD, response_id="resp_1"))
    assert len(records) == 2
    await records.delete("t", "resp_0")
    await records.put(msgspec.structs.replace(RECORD, response_id="resp_2"))
    assert len(records) == 2


async def test_outages_can_be_played() -> None:
    """And end."""
    records = MemoryResponses()
    records.fail(True)
    with pytest.raises(Unavailable):
        await records.put(RECORD)
    records.fail(False)
    await records.put(RECORD)
