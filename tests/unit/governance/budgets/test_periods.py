"""Names and ends of periods."""

from datetime import UTC, datetime

import pytest

from proxy.core.entities import Entity
from proxy.governance.budgets.periods import FOREVER, Period, counter, of_counter


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("period", "now", "name", "ends_at"),
    [
        ("monthly", at(2026, 11, 30, 23, 59, 59), "2026-11", at(2026, 12, 1)),
        ("monthly", at(2026, 12, 1), "2026-12", at(2027, 1, 1)),
        ("daily", at(2028, 2, 28, 23, 59, 59), "2028-02-28", at(2028, 2, 29)),
        ("daily", at(2028, 2, 29), "2028-02-29", at(2028, 3, 1)),
        ("total", at(2026, 1, 1), "total", None),
    ],
)
def test_utc_boundaries_start_inclusive(period: Period, now: float, name: str, ends_at: float | None) -> None:
    """The name says all: whose, which period, from when until when."""
    entity = Entity("USER", "a:b@x", "acme")
    key, until = counter(entity, period, now)
    assert (key, until) == (f"USER:a:b@x:{name}", ends_at)
    found = of_counter(key, "acme")
    assert found[:2] == (entity, period)
    assert found[2] <= now < found[3] == (ends_at or FOREVER)
