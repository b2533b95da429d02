"""Money is integer nano-USD; prices are integer pico-USD per unit."""

import pytest

from proxy.core.money import NANOS_PER_USD, cost_nanos, usd


@pytest.mark.parametrize(
    ("units", "pico_usd_per_unit", "nanos"), [(0, 5, 0), (1, 499, 0), (1, 500, 1), (3, 500, 2), (1_000_000, 150_000, 150_000_000)]
)
def test_a_cost_is_rounded_half_up_once(units: int, pico_usd_per_unit: int, nanos: int) -> None:
    """Not once a unit: a million tokens at 0.15 USD/Mtok cost exactly 0.15 USD."""
    assert cost_nanos(units, pico_usd_per_unit) == nanos


def test_dollars_for_display() -> None:
    """A billion nano-USD are one."""
    assert usd(NANOS_PER_USD) == 1.0
