"""Cost arithmetic (contract F)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.pricing import Cost, Price, Tariff, When, billed_tier, cost, pico_usd
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


def test_an_unknown_tier_is_the_standard_one_meter_by_meter() -> None:
    """Its cached tokens are not paid as fresh ones."""
    found = cost(Usage(input_tokens=1, cache_read_tokens=1), flat(input=2_000, cache_read=1_000), at=0.0, service_tier="scale")
    assert (found.nanos, found.incomplete) == ({"input": 2, "cache_read": 1}, True)


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


def test_each_call_of_several_has_its_own_size_and_tier() -> None:
    """Two prompts of 60 are not one of 120; the kinds are rounded once over all."""
    prices = (
        Price(meter="input", pico_usd=1_400),
        Price(meter="input", pico_usd=9_000, when=When(context_over=100)),
        Price(meter="input", pico_usd=700, when=When(service_tier="flex")),
    )
    one, other = Usage(input_tokens=61), Usage(input_tokens=59, service_tier="flex")
    both = Usage(input_tokens=120, calls=(one, other))
    assert cost(both, prices, at=0.0) == Cost({"input": 127})  # 85 400 + 41 300 = 126 700
    assert cost(Usage(input_tokens=120, output_tokens=1, calls=(one, Usage(output_tokens=1))), prices, at=0.0).unpriced


def test_other_units_are_not_tokens() -> None:
    """A price for an image is not applied to tokens."""
    assert cost(Usage(input_tokens=1), (Price(meter="input", unit="second", pico_usd=9),), at=0.0).reasons == ("no price of input",)


def test_an_own_price_of_the_standard_tier_stands_for_every_condition() -> None:
    """Also those of tiers and long prompts; meters without an own price keep theirs."""
    prices = (
        *flat(input=5_000, cache_read=500),
        Price(meter="input", pico_usd=9_000, when=When(context_over=10)),
        Price(meter="input", pico_usd=1, when=When(service_tier="flex")),
        Price(meter="input", pico_usd=1_000, own=True),
    )
    usage = Usage(input_tokens=20, cache_read_tokens=2)
    assert cost(usage, prices, at=0.0).nanos == {"input": 20, "cache_read": 1}
    assert not cost(usage, prices, at=0.0).incomplete
    flex = cost(usage, prices, at=0.0, service_tier="flex")
    assert (flex.nanos["input"], flex.incomplete) == (20, True)


def test_an_own_price_of_one_tier_leaves_the_others_alone() -> None:
    """flex has a discount; the standard tier keeps its price."""
    prices = (
        *flat(input=5_000),
        Price(meter="input", pico_usd=2_500, when=When(service_tier="flex")),
        Price(meter="input", pico_usd=1_000, when=When(service_tier="flex"), own=True),
    )
    assert [cost(Usage(input_tokens=1), prices, at=0.0, service_tier=tier).total for tier in (None, "flex")] == [5, 1]


@pytest.mark.parametrize(("at", "total"), [(0.0, 5), (10 * DAY - 1, 5), (10 * DAY, 1)])
def test_until_an_own_price_holds_the_others_do(at: float, total: int) -> None:
    """One that begins in the future does not make today's calls unpriced."""
    prices = (*flat(input=5_000), Price(meter="input", pico_usd=1_000, valid_from=10 * DAY, own=True))
    assert cost(Usage(input_tokens=1), prices, at=at).total == total


def test_tokens_without_any_price_make_the_cost_unknown() -> None:
    """Not a part of it, and not 0."""
    assert cost(Usage(input_tokens=1, output_tokens=1), flat(input=1_000), at=0.0).unpriced
    assert not cost(Usage(input_tokens=1), flat(input=1_000), at=0.0).unpriced
    assert cost(Usage(output_tokens=1), flat(input=1_000), at=0.0).nanos == {}


@pytest.mark.parametrize(
    ("reported", "tier"),
    [
        (None, None),
        ("default", None),
        ("auto", None),
        ("ON_DEMAND", None),
        ("ON_DEMAND_PRIORITY", "priority"),
        ("Flex ", "flex"),
        ("reserved", "reserved"),
        ({"type": "flex"}, None),
        ("x" * 90, "x" * 40),
    ],
)
def test_names_of_tiers(reported: object, tier: str | None) -> None:
    """As price lists have them; a provider's invention is bounded."""
    assert billed_tier(reported) == tier


def test_a_tariff_remembers_within_bounds() -> None:
    """Providers choose the names of tiers; a thousand of them do not pile up, and each is paid like the first."""
    tariff = Tariff(PRICES, source="catalogue")
    found = [tariff.cost(Usage(input_tokens=1), at=0.0, service_tier=f"tier-{n}") for n in range(1000)]
    assert len(tariff._known) <= 256
    assert {one.total for one in found} == {3_000}
    assert found[0].source == "catalogue"


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


CONDITIONS = [When(service_tier=tier, context_over=over) for tier in (None, "flex", "priority") for over in (0, 100, 1000)]
lists = st.lists(
    st.builds(
        Price,
        meter=st.sampled_from(["input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio"]),
        pico_usd=st.integers(0, 10**8),
        when=st.sampled_from(CONDITIONS),
        valid_from=st.sampled_from([0.0, 5.0, 9.0]),
    ),
    max_size=12,
    unique_by=lambda price: (price.meter, price.when, price.valid_from),
)
amounts = st.integers(0, 2000)
usages = st.builds(
    Usage,
    input_tokens=amounts,
    output_tokens=amounts,
    cache_read_tokens=amounts,
    cache_write_tokens=amounts,
    cache_write_1h_tokens=amounts,
    input_audio_tokens=st.none() | amounts,
    output_audio_tokens=st.none() | amounts,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(lists, usages, st.sampled_from([0.0, 5.0, 7.0, 20.0]), st.sampled_from([None, "flex", "scale"]))
def test_a_cost_is_what_a_plain_reading_of_the_list_says(prices: list[Price], usage: Usage, at: float, tier: str | None) -> None:
    """Token by token: of the prices that hold, the one for the longest prompt, the newest of these; else the dearest stand-in."""
    expected, missed = _by_hand(prices, usage, at, tier)
    found = Tariff(prices).cost(usage, at=at, service_tier=tier)
    assert (dict(found.nanos), found.unpriced) == (expected, missed)
    assert found.total == sum(expected.values())


def _by_hand(prices: list[Price], usage: Usage, at: float, tier: str | None) -> tuple[dict[str, int], bool]:
    stand_ins = {
        "cache_read": ["input"],
        "cache_write": ["input"],
        "cache_write_1h": ["cache_write", "input"],
        "input_audio": ["input"],
        "output_audio": ["output"],
    }

    def price_of(meter: str, of_tier: str | None) -> int | None:
        held = [
            p
            for p in prices
            if (p.meter, p.when.service_tier) == (meter, of_tier)
            and p.valid_from <= at
            and usage.prompt_tokens >= p.when.context_over + bool(p.when.context_over)
        ]
        return max(held, key=lambda p: (p.when.context_over, p.valid_from)).pico_usd if held else None

    meters = ["input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio"]
    known = any(price_of(meter, tier) is not None for meter in meters)

    def rate(meter: str) -> int | None:
        own = price_of(meter, tier if known else None)
        if own is not None:
            return own
        others = [price_of(name, other) for name in [meter, *stand_ins.get(meter, [])] for other in (tier, None)]
        return max((other for other in others if other is not None), default=None)

    audio_in, audio_out = min(usage.input_audio_tokens or 0, usage.input_tokens), min(usage.output_audio_tokens or 0, usage.output_tokens)
    long = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
    picos: dict[str, int] = {}
    missed = False
    for kind, meter, tokens in (
        ("input", "input", usage.input_tokens - audio_in),
        ("input", "input_audio", audio_in),
        ("cache_read", "cache_read", usage.cache_read_tokens),
        ("cache_write", "cache_write", usage.cache_write_tokens - long),
        ("cache_write", "cache_write_1h", long),
        ("output", "output", usage.output_tokens - audio_out),
        ("output", "output_audio", audio_out),
    ):
        if tokens:
            price = rate(meter)
            missed = missed or price is None
            if price is not None:
                picos[kind] = picos.get(kind, 0) + tokens * price
    return {kind: (pico * 2 + 1000) // 2000 for kind, pico in picos.items()}, missed


def test_costs_of_two_calls_add_up_with_their_doubts() -> None:
    """Kind by kind; unknown is unknown."""
    one = Cost({"input": 3, "output": 4}, source="catalogue")
    two = Cost({"output": 5, "cache_read": 1}, incomplete=True, reasons=("x",), source="settings")
    assert one.plus(two) == Cost({"input": 3, "output": 9, "cache_read": 1}, True, ("x",), False, "catalogue, settings")
    assert one.plus(Cost({}, True, ("y",), True)) == Cost({"input": 3, "output": 4}, True, ("y",), True, "catalogue")
    assert one.plus(Cost({})) == one


def test_a_ceiling_is_never_below_a_cost() -> None:
    """Whatever the tokens are, of each kind that may be among them; None where something has no price."""
    prices = (
        Price(meter="input", pico_usd=1000),
        Price(meter="cache_write_1h", pico_usd=2000),
        Price(meter="output", pico_usd=5000),
        Price(meter="output", pico_usd=9000, when=When(service_tier="priority")),
        Price(meter="output_audio", pico_usd=20000),
    )
    tariff = Tariff(prices)
    assert tariff.ceiling(10, at=0) == (2000, 5000)
    assert tariff.ceiling(10, at=0, written=False) == (1000, 5000)
    assert tariff.ceiling(10, at=0, service_tier="priority", written=False, audio=True) == (1000, 20000)
    usage = Usage(input_tokens=4, cache_write_tokens=6, cache_write_1h_tokens=6, output_tokens=3, service_tier="priority")
    dearest = tariff.ceiling(10, at=0, service_tier="priority")
    assert dearest is not None
    assert tariff.cost(usage, at=0, service_tier="priority").total * 1000 <= 10 * dearest[0] + 3 * dearest[1]
    assert Tariff(prices[:2]).ceiling(10, at=0) is None
    assert Tariff(prices[:1]).ceiling(10, at=0, output=False) == (1000, 0)
    assert Tariff(prices[2:]).ceiling(10, at=0) is None


def test_where_neither_size_nor_time_matter_a_ceiling_always_holds() -> None:
    """Of calls of the standard tier without sound."""
    prices = (
        Price(meter="input", pico_usd=1000),
        Price(meter="cache_write", pico_usd=2000),
        Price(meter="output", pico_usd=5000),
        Price(meter="output", pico_usd=9000, when=When(service_tier="priority")),
    )
    for written in (True, False):
        assert Tariff(prices).always(written=written) == Tariff(prices).ceiling(77, at=9.0, written=written)
    assert Tariff((*prices, Price(meter="input", pico_usd=9, when=When(context_over=10)))).always(written=True) is None
    assert Tariff((*prices, Price(meter="input", pico_usd=9, valid_from=5.0))).always(written=True) is None
    assert Tariff(prices[:1]).always(written=True) is None
    tariff = Tariff(prices)
    assert [tariff.ceiling(1, at=0.0, service_tier=tier) for tier in (None, "priority", None)] == [(2000, 5000), (2000, 9000), (2000, 5000)]
