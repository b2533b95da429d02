"""Money is integer nano-USD; prices are integer pico-USD per unit."""

import pytest

from proxy.core.money import NANOS_PER_USD, cost_nanos, usd, usd_of_picos, usd_text


@pytest.mark.parametrize(
    ("units", "pico_usd_per_unit", "nanos"), [(0, 5, 0), (1, 499, 0), (1, 500, 1), (3, 500, 2), (1_000_000, 150_000, 150_000_000)]
)
def test_a_cost_is_rounded_half_up_once(units: int, pico_usd_per_unit: int, nanos: int) -> None:
    """Not once a unit: a million tokens at 0.15 USD/Mtok cost exactly 0.15 USD."""
    assert cost_nanos(units, pico_usd_per_unit) == nanos


def test_dollars_for_display() -> None:
    """A billion nano-USD are one."""
    assert usd(NANOS_PER_USD) == 1.0


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, b"0.000000000"), (1, b"0.000000001"), (1_234_567_890, b"1.234567890"), (9_007_199_254_740_993, b"9007199.254740993")],
)
def test_dollars_as_text_are_exact(nanos: int, text: bytes) -> None:
    """Also beyond what a float can tell apart."""
    assert usd_text(nanos) == text


def test_picos_are_shown_in_usd() -> None:
    """Six decimals, for people."""
    assert usd_of_picos(1_234_567_890) == "0.001235"
