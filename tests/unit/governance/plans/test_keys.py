"""The AWS lab's keys (through a whole gateway: tests/contract/test_contract_p_plans.py)."""

import asyncio

import pytest

from proxy.core.errors import Unavailable
from proxy.core.keys import sha256_hex
from proxy.governance.keys import Keyring, StaticKeys, key_digest
from proxy.governance.plans.book import PlanNotices
from proxy.governance.plans.keys import PlanKeys, follow_plan_keys
from proxy.storage.hot.board import LocalBoard
from proxy.storage.plans import Plan
from proxy.storage.plans_memory import MemoryPlans
from tests.support.clock import FakeClock

KEY = "lab-key-0123456789abcdef"


async def test_found_by_one_sha256() -> None:
    """Known keys go on while the store is down; unknown ones are 503, short ones nobody's."""
    plans = MemoryPlans()
    keys = PlanKeys(Keyring(StaticKeys()), plans, FakeClock(), 10.0, 100)
    assert await keys.verify(KEY) is None
    keys.drop_all()
    await plans.create(Plan(usage_id="u", entity_type="API_KEY", entity_id=sha256_hex(KEY), created_at=1.0))
    found = await keys.verify(KEY)
    assert found is not None
    assert (found.key_id, found.tenant) == (sha256_hex(KEY), "SYSTEM")
    assert keys.find(key_digest(KEY)) is found
    plans.fail(True)
    assert keys.find(key_digest(KEY)) is found
    with pytest.raises(Unavailable):
        await keys.verify("another-key-0123456789")
    assert await keys.verify("short") is None


async def test_a_tenants_key() -> None:
    """Belongs to the plan's tenant; a notice of another tenant's plans leaves it known."""
    plans, board = MemoryPlans(), LocalBoard(FakeClock())
    keys = PlanKeys(Keyring(StaticKeys()), plans, FakeClock(), 10.0, 100)
    follow_plan_keys(board, keys)
    await plans.create(Plan(usage_id="u", entity_type="API_KEY", entity_id=sha256_hex(KEY), tenant="acme", created_at=1.0))
    found = await keys.verify(KEY)
    assert found is not None
    assert found.tenant == "acme"
    for tenant, known in (("other", found), ("acme", None)):
        PlanNotices(board, 10.0).changed(tenant, 1.0)
        await asyncio.sleep(0.01)
        assert keys.find(key_digest(KEY)) is known
    assert await keys.verify("another-key-0123456789") is None
    await plans.create(
        Plan(usage_id="v", entity_type="API_KEY", entity_id=sha256_hex("another-key-0123456789"), tenant="x", created_at=1.0)
    )
    PlanNotices(board, 10.0).changed("x", 2.0)
    await asyncio.sleep(0.01)
    assert await keys.verify("another-key-0123456789") is not None
