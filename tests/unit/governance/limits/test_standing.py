"""Readings as headers."""

from proxy.core.claims import Outcome, Reading, Slots, Window
from proxy.governance.limits.standing import standing_of


def test_the_tightest_window_of_requests_and_the_least_tokens() -> None:
    """Seconds are rounded up; what is overdrawn is 0."""
    outcome = Outcome(
        readings=(
            Reading(Window("a", "requests", 60), 10, 30.2),
            Reading(Window("b", "requests", 1000), 990, 12.5),
            Reading(Slots("a", 5), 1),
            Reading(Window("a", "input", 100), 130),
            Reading(Window("a", "tokens", 500), 130),
        )
    )
    assert standing_of(outcome, 1000.0) == (1000, 10, 1013, 0, 370)
    assert standing_of(Outcome(), 0.0) == ()
