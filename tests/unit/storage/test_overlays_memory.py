"""The switch for outage tests; what it keeps is in tests/contract/records."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.overlays import Overlays
from proxy.storage.overlays_memory import MemoryOverlays


async def test_it_fails_on_demand() -> None:
    """And knows afterwards what it knew before."""
    records = MemoryOverlays()
    await records.replace(Overlays(version=1), 0)
    records.fail(True)
    with pytest.raises(Unavailable):
        await records.load()
    records.fail(False)
    assert await records.version() == 1
