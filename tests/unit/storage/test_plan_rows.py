"""Plan ↔ row."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.plan_rows import from_row, to_row
from proxy.storage.plans import Plan

PLAN = Plan(usage_id="u-1", entity_type="USER", entity_id="ann", created_at=1_800_000_000.125, metadata={"a": 1})


def test_times_are_text_that_sorts() -> None:
    """UTC with milliseconds and Z."""
    assert to_row(PLAN)[5] == "2027-01-15T08:00:00.125Z"


def test_a_row_comes_back() -> None:
    """As it was."""
    assert from_row(to_row(PLAN)) == PLAN


@pytest.mark.parametrize(("place", "value"), [(1, "KING"), (5, "yesterday"), (5, None), (7, "["), (7, '{"default_limits": 1}'), (7, None)])
def test_a_row_that_nobody_wrote_is_unavailable(place: int, value: object) -> None:
    """An unreadable plan is not a missing one."""
    row = list(to_row(PLAN))
    row[place] = value
    with pytest.raises(Unavailable, match="u-1 is unreadable"):
        from_row(tuple(row))
