"""What a key counts on (the command: test_plans.py)."""

import pytest

from proxy.cli.plan_explain import explain
from proxy.core.errors import NotFound
from proxy.storage.plans_memory import MemoryPlans
from proxy.storage.records_memory import MemoryRecords
from tests.support.gateway import settings


async def test_an_unknown_key() -> None:
    with pytest.raises(NotFound):
        await explain(settings(), MemoryRecords(), MemoryPlans(), "lek_nobody", "m")
