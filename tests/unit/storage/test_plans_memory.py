"""Plans in memory; what every store keeps is in tests/contract/records."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.plans_memory import MemoryPlans


async def test_a_failing_store_is_unavailable_until_it_is_back() -> None:
    """The supported switch for outage tests."""
    plans = MemoryPlans()
    plans.fail(True)
    with pytest.raises(Unavailable):
        await plans.get("t", "USER", "ann")
    plans.fail(False)
    assert await plans.get("t", "USER", "ann") is None
