"""The ledger in memory is bounded, and can be made to fail."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.usage import UsageRecord
from proxy.storage.usage_memory import MemoryUsage


async def test_the_oldest_go() -> None:
    """When there are too many."""
    ledger = MemoryUsage(max_records=2)
    await ledger.add([UsageRecord(id=str(n), at=float(n)) for n in range(4)])
    assert [r.id for r in await ledger.list(since=0, until=10)] == ["2", "3"]


async def test_the_switch_for_outages() -> None:
    """On and off."""
    ledger = MemoryUsage()
    ledger.fail(True)
    with pytest.raises(Unavailable):
        await ledger.get("1")
    ledger.fail(False)
    assert await ledger.get("1") is None
