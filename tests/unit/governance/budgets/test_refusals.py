"""What a refused client reads."""

import pytest

from proxy.core.claims import Reading, Slots, Spend
from proxy.core.route import RouteInfo
from proxy.governance.budgets.refusals import approaching, dollars, exceeded, unpriced

ROUTE = RouteInfo(name="/v1/chat/completions", family="openai")


def test_whose_how_much_and_until_when() -> None:
    """What is reserved is told apart."""
    error = exceeded(Reading(Spend("USER:ann:2026-11-26", 2_000_000_000), 1_900_000_000, reserved=400_000_000), ROUTE, 150_000_000, "t")
    assert error.message == (
        "Daily budget exceeded: $1.90 / $2.00. It is the budget of the user; $0.40 of it is reserved for calls under way, and this call "
        "may cost up to $0.15: ask for fewer output tokens or a cheaper model. It begins anew at 2026-11-27T00:00:00Z"
    )
    assert error.details == {"budget_usd": 2.0, "spent_usd": 1.5, "reserved_usd": 0.4, "period": "daily", "entity": "USER:ann"}


def test_a_total_does_not_begin_anew() -> None:
    """Somebody has to raise it."""
    assert exceeded(Reading(Spend("TENANT:t:total", 1), 1), ROUTE, 1, "t").message.endswith("It has to be raised")
    assert exceeded(Reading(Slots("x", 1), 1), ROUTE, 1, "t").status == 402


@pytest.mark.parametrize(
    ("nanos", "text"), [(0, "$0.00"), (100_000_000_000, "$100.00"), (1_234_567_890, "$1.23"), (4_050_000, "$0.00405"), (1, "$0.000000001")]
)
def test_dollars(nanos: int, text: str) -> None:
    """Cents, or as many decimals as there are."""
    assert dollars(nanos) == text


def test_texts() -> None:
    """Of warnings, and of models without a price."""
    assert approaching("monthly", 80_000_000_000, 100_000_000_000) == "Approaching monthly budget: $80.00 / $100.00"
    assert unpriced("p", "m").code == "model_unpriced"
