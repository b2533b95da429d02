"""Lines are crossed once."""

import logging

import pytest

from proxy.core.claims import Reading, Slots, Spend
from proxy.core.entities import Entity
from proxy.governance.budgets.alerts import MAX_WATCHED, Alerts, Watched
from tests.unit.governance.budgets.made import Told

SPEND = Spend("TENANT:t:2026-11", 100)


def watched(cap: int = 100, key: str = SPEND.key, ends_at: float | None = 10.0) -> Watched:
    return Watched(Entity("TENANT", "t", "t"), "monthly", key, cap, cap * 8 // 10, False, ends_at)


def test_only_the_settlement_that_crosses_says_it(caplog: pytest.LogCaptureFixture) -> None:
    """What is reserved does not count; and a counter that begins above its line, as after a restart, has said it before."""
    told = Told()
    alerts = Alerts(meter=told, hook=told)
    alerts.watch(watched())
    with caplog.at_level(logging.WARNING, "llm_edge"):
        alerts.settled("t", [Reading(SPEND, 99, reserved=30)], 69)
        alerts.settled("t", [Reading(SPEND, 80), Reading(Slots("x", 1), 1)], 11)
        alerts.settled("t", [Reading(SPEND, 90)], 10)
        alerts.settled("t", [Reading(SPEND, 120)], 30)
        alerts.settled("other", [Reading(SPEND, 100)], 100)
    assert told.counts == [("warning", "tenant", "monthly"), ("exceeded", "tenant", "monthly")]
    assert caplog.records[0].message.startswith("Approaching monthly budget")
    assert told.events[0]["period_ends_at"] == "1970-01-01T00:00:10.000Z"


def test_a_raised_cap_can_be_reached_again() -> None:
    """One call may cross both lines."""
    told = Told()
    alerts = Alerts(meter=told)
    alerts.watch(watched(100))
    alerts.settled("t", [Reading(SPEND, 100)], 100)
    alerts.watch(watched(200))
    alerts.settled("t", [Reading(SPEND, 160)], 60)
    assert [kind for kind, *_ in told.counts] == ["warning", "exceeded", "warning"]


def test_periods_that_are_over_are_let_go() -> None:
    """The book stays bounded."""
    alerts = Alerts(unix=lambda: 20.0)
    for n in range(MAX_WATCHED):
        alerts.watch(watched(key=f"TENANT:{n}:2026-11"))
    alerts.watch(watched(key="TENANT:new:2026-12", ends_at=30.0))
    assert len(alerts._watched) == 1
