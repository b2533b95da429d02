"""Plans in a file; what every store keeps is in tests/contract/records."""

from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.plans import Plan
from proxy.storage.sqlite_plans import SqlitePlans


async def test_two_processes_see_one_another(tmp_path: Path) -> None:
    """Here: two connections."""
    one, two = SqlitePlans(tmp_path / "r.db"), SqlitePlans(tmp_path / "r.db")
    plan = Plan(usage_id="u", entity_type="USER", entity_id="ann", created_at=0.0)
    await one.create(plan)
    assert await two.get("SYSTEM", "USER", "ann") == plan
    await one.aclose()
    await two.aclose()


async def test_a_file_that_vanished_is_not_an_empty_one(tmp_path: Path) -> None:
    """What was limited would be free."""
    plans = SqlitePlans(tmp_path / "r.db")
    await plans.create(Plan(usage_id="u", entity_type="USER", entity_id="ann", created_at=0.0))
    (tmp_path / "r.db").unlink()
    with pytest.raises(Unavailable):
        await plans.get("SYSTEM", "USER", "ann")
    await plans.aclose()
