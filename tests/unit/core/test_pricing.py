"""Cost arithmetic (contract F)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.pricing import Meter, Price, When, cost, overridden, pico_usd
from proxy.core.response import Usage

DAY = 86_400.0
PRICES = (
    Price(meter="input", pico_usd=3_000_000),
    Price(meter="output", pico_usd=15_000_000),
    Price(meter="cache_read", pico_usd=300_000),
    Price(meter="cache_write", pico_usd=3_750_000),
    Price(meter="cache_write_1h", pico_usd=6_000_000),
)


def flat(**pico: int) -> tuple[Price, ...]:
    return tuple(Price(meter=meter, pico_usd=value) for meter, value in pico.items())  # type: ignore[arg-type]


def test_kinds_are_disjoint_and_add_up() -> None:
    """USD/Mtok: 100 at 3, 1000 at 0.3, 200 at 3.75 and 50 at 6, 10 at 15; reasoning is within the output."""
    usage = Usage(
        input_tokens=100, cache_read_tokens=1000, cache_write_tokens=250, cache_write_1h_tokens=50, output_tokens=10, reasoning_tokens=7
    )
    found = cost(usage, PRICES, at=0.0)
    assert found.nanos == {"input": 300_000, "cache_read": 300_000, "cache_write": 1_050_000, "output": 150_000}
    assert found.total == 1_800_000
    assert not found.incomplete


def test_each_kind_is_rounded_once() -> None:
    """Half up, after adding the two lifetimes of a cache write; the total is of the rounded ones."""
    prices = flat(input=500, output=499, cache_write=250, cache_write_1h=250)
    found = cost(Usage(input_tokens=1, output_tokens=1, cache_write_tokens=2, cache_write_1h_tokens=1), prices, at=0.0)
    assert found.nanos == {"input": 1, "output": 0, "cache_write": 1}
    assert found.total == 2


def test_nothing_used_costs_nothing() -> None:
    """Kinds without units are left out; no price is missed."""
    assert cost(Usage(), (), at=0.0).nanos == {}
    assert not cost(Usage(), (), at=0.0).incomplete


def test_audio_has_its_own_price_within_its_kind() -> None:
    """40 of 100 input tokens and all 10 output tokens are audio."""
    prices = flat(input=1_000, output=2_000, input_audio=10_000, output_audio=20_000)
    usage = Usage(input_tokens=100, output_tokens=10, input_audio_tokens=40, output_audio_tokens=10)
    assert cost(usage, prices, at=0.0).nanos == {"input": 460, "output": 200}


def test_audio_is_bounded_by_its_kind() -> None:
    """Audio that was read from the cache is paid as cache read: it is not charged a second time."""
    prices = flat(input=1_000, cache_read=100, input_audio=10_000)
    usage = Usage(input_tokens=10, cache_read_tokens=90, input_audio_tokens=50)
    assert cost(usage, prices, at=0.0).nanos == {"input": 100, "cache_read": 9}


@pytest.mark.parametrize(
    ("usage", "nanos", "reason"),
    [
        (Usage(cache_read_tokens=2), {"cache_read": 6}, "no price of cache_read"),
        (Usage(cache_write_tokens=2), {"cache_write": 6}, "no price of cache_write"),
        (Usage(cache_write_tokens=2, cache_write_1h_tokens=2), {"cache_write": 6}, "no price of cache_write_1h"),
        (Usage(input_tokens=2, input_audio_tokens=2), {"input": 6}, "no price of input_audio"),
        (Usage(output_tokens=2, output_audio_tokens=1), {"output": 18}, "no price of output_audio"),
    ],
)
def test_meter_without_a_price(usage: Usage, nanos: dict[str, int], reason: str) -> None:
    """The nearest price is taken, never a cheaper one, and the cost says that it is incomplete."""
    found = cost(usage, flat(input=3_000, output=9_000), at=0.0)
    assert found.nanos == nanos
    assert found.incomplete
    assert found.reasons == (f"{reason}: the nearest is taken",)


def test_the_dearest_stands_in() -> None:
    """A lifetime of an hour without a price: the dearer of cache write and input."""
    for write, charged in ((5_000, 5), (1_000, 3)):
        found = cost(Usage(cache_write_tokens=1, cache_write_1h_tokens=1), flat(input=3_000, cache_write=write), at=0.0)
        assert found.nanos == {"cache_write": charged}


def test_no_price_at_all() -> None:
    """Such tokens are not in the sum, and the cost is incomplete."""
    found = cost(Usage(input_tokens=1, output_tokens=1), flat(input=1_000), at=0.0)
    assert found.nanos == {"input": 1}
    assert found.reasons == ("no price of output",)


def test_unknown_meter_of_the_provider() -> None:
    """Usage that its codec calls incomplete makes an incomplete cost."""
    found = cost(Usage(input_tokens=1, incomplete=True), PRICES, at=0.0)
    assert found.incomplete
    assert found.total == 3_000


@pytest.mark.parametrize(
    ("tier", "nanos", "incomplete"),
    [
        (None, 2_000, False),
        ("default", 2_000, False),
        ("standard", 2_000, False),
        ("auto", 2_000, False),
        ("flex", 1_000, False),
        ("priority", 3_500, False),
        ("fast", 3_500, False),
        ("PRIORITY", 3_500, False),
        ("scale", 2_000, True),
    ],
)
def test_tier_as_the_provider_reports_it(tier: str | None, nanos: int, incomplete: bool) -> None:
    """An unknown tier is paid at the standard price and said to be incomplete."""
    prices = (
        Price(meter="input", pico_usd=2_000_000),
        Price(meter="input", pico_usd=1_000_000, when=When(service_tier="flex")),
        Price(meter="input", pico_usd=3_500_000, when=When(service_tier="priority")),
    )
    found = cost(Usage(input_tokens=1), prices, at=0.0, service_tier=tier)
    assert (found.total, found.incomplete) == (nanos, incomplete)


def test_cheaper_tier_without_a_meter_is_not_cheaper() -> None:
    """flex has an input price only: its cached tokens cost the dearest of what may stand in."""
    prices = (*flat(input=2_000, cache_read=500), Price(meter="input", pico_usd=1_000, when=When(service_tier="flex")))
    found = cost(Usage(cache_read_tokens=1), prices, at=0.0, service_tier="flex")
    assert (found.total, found.incomplete) == (2, True)


@pytest.mark.parametrize(("cached", "total"), [(199_999, 199_999 + 4 * 1), (200_000, 2 * 200_000 + 6 * 1)])
def test_long_prompts(cached: int, total: int) -> None:
    """Over the limit, counting the cached part, every meter has its long price; at the limit it has not."""
    long = When(context_over=200_000)
    prices = (
        *flat(cache_read=1_000, input=4_000),
        Price(meter="cache_read", pico_usd=2_000, when=long),
        Price(meter="input", pico_usd=6_000, when=long),
    )
    assert cost(Usage(input_tokens=1, cache_read_tokens=cached), prices, at=0.0).total == total


@pytest.mark.parametrize(("at", "total"), [(0.0, 5), (10 * DAY - 1, 5), (10 * DAY, 3), (25 * DAY, 4)])
def test_price_at_the_start_of_the_request(at: float, total: int) -> None:
    """The newest that is valid then, whatever the order of the list."""
    prices = (
        Price(meter="input", pico_usd=4_000, valid_from=20 * DAY),
        Price(meter="input", pico_usd=5_000),
        Price(meter="input", pico_usd=3_000, valid_from=10 * DAY),
    )
    assert cost(Usage(input_tokens=1), prices, at=at).total == total


def test_other_units_are_not_tokens() -> None:
    """A price for an image is not applied to tokens."""
    assert cost(Usage(input_tokens=1), (Price(meter="input", unit="second", pico_usd=9),), at=0.0).reasons == ("no price of input",)


def test_own_prices_replace_every_condition() -> None:
    """Also those of tiers and long prompts; meters without an own price keep theirs."""
    prices = (
        *flat(input=5_000, cache_read=500, cache_write=6_000, cache_write_1h=10_000, input_audio=9_000),
        Price(meter="input", pico_usd=9_000, when=When(context_over=10)),
    )
    own: dict[Meter, int] = {"input": 1_000, "cache_write": 2_000}
    usage = Usage(input_tokens=20, input_audio_tokens=10, cache_read_tokens=2, cache_write_tokens=2, cache_write_1h_tokens=1)
    found = cost(usage, overridden(prices, own), at=0.0)
    assert found.nanos == {"input": 20, "cache_read": 1, "cache_write": 4}
    assert not found.incomplete


@pytest.mark.parametrize(("usd", "pico"), [(3, 3_000_000), (0.15, 150_000), (0.0000005, 1), (0.1 + 0.2, 300_000), (1e-9, 0), (0, 0)])
def test_dollars_a_million_in_pico_dollars(usd: float, pico: int) -> None:
    """To the nearest, without the noise of binary fractions."""
    assert pico_usd(usd) == pico


counts = st.integers(0, 2_000_000)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(counts, counts, counts, counts, counts)
def test_cost_never_falls_with_usage(prompt: int, read: int, write: int, long: int, output: int) -> None:
    """One more output token never makes it cheaper, the total is the sum of the kinds, and no kind is negative."""
    usage = Usage(
        input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=write, cache_write_1h_tokens=min(long, write), output_tokens=output
    )
    more = Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=min(long, write),
        output_tokens=output + 1,
    )
    less, dearer = cost(usage, PRICES, at=0.0), cost(more, PRICES, at=0.0)
    assert less.total == sum(less.nanos.values()) <= dearer.total
    assert min(less.nanos.values(), default=0) >= 0
