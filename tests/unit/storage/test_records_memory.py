"""The stub that ships in the package."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.records_memory import MemoryRecords


async def test_an_outage_can_be_played() -> None:
    """The supported switch: nothing has to be patched."""
    records = MemoryRecords()
    records.fail(True)
    with pytest.raises(Unavailable) as caught:
        await records.ping()
    assert caught.value.status == 503
    records.fail(False)
    await records.ping()
