"""What calls cost, by target."""

import msgspec
import pytest

from proxy.core.needs import AUDIO, PDF, REASONING, TOOLS, VISION
from proxy.core.pricing import Cost, Price, Tariff
from proxy.core.response import Usage
from proxy.pipeline.charge import NO_USAGE, Charges
from proxy.providers.catalog import Catalog, load_catalog, own_prices
from proxy.providers.litellm_prices import LitellmPrices
from proxy.settings.prices import PriceSettings

USAGE = Usage(input_tokens=1000, output_tokens=100)
NOV_2026 = 1_795_000_000.0


def charges(**own: PriceSettings) -> Charges:
    files = load_catalog(litellm=False).files.values()
    return Charges(Catalog(files, own=own_prices(own)), {"a": "openai", "b": "openai_compatible"})


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, ...]]:
    return [tuple(record.__dict__[name] for name in ("provider", "model", "reason")) for record in caplog.records]


def test_the_kind_of_the_provider_says_whose_prices_count() -> None:
    """gpt-4o is OpenAI's at OpenAI, and nobody knows what it is elsewhere."""
    found = charges()
    assert found.cost("a", "gpt-4o", USAGE, NOV_2026) == Cost({"input": 2_500_000, "output": 1_000_000}, source="catalogue")
    assert found.cost("b", "gpt-4o", USAGE, NOV_2026).unpriced
    assert found.cost("not-configured", "gpt-4o", USAGE, NOV_2026).unpriced


def test_the_tier_of_the_usage_counts() -> None:
    """As the provider reported it."""
    flex = Usage(input_tokens=1000, output_tokens=100, service_tier="flex")
    assert [charges().cost("a", "gpt-5", usage, NOV_2026).total for usage in (USAGE, flex)] == [2_250_000, 1_125_000]


def test_why_a_cost_is_unknown_is_told_once_a_model(caplog: pytest.LogCaptureFixture) -> None:
    """However often it is asked for, and with the reason also in the cost."""
    found = charges(half=PriceSettings(output=1))
    costs = [found.cost("b", model, USAGE, NOV_2026) for model in ("x", "half") for _ in range(3)]
    assert all(cost.unpriced and cost.incomplete for cost in costs)
    assert costs[0] is costs[1]
    reason = "neither the settings nor the catalogue has a price of openai_compatible model 'x'"
    assert told(caplog) == [("b", "x", reason), ("b", "half", "no price of input")]
    assert costs[0].reasons == (reason,)


def test_no_usage_is_no_cost(caplog: pytest.LogCaptureFixture) -> None:
    """Not 0; a model without a price keeps that reason."""
    found = charges()
    assert found.cost("a", "gpt-4o", None, NOV_2026) is NO_USAGE
    assert "neither" in found.cost("b", "x", None, NOV_2026).reasons[0]
    assert told(caplog)[0] == ("a", "gpt-4o", "the provider reported no usage")


def test_strangers_names_do_not_pile_up(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in memory nor in the log, where routing goes by name."""
    found = charges()
    for n in range(3000):
        found.cost("b", f"model-{n}", USAGE, NOV_2026)
    assert len(found._known) <= 1024
    assert len(told(caplog)) == 1024


def test_the_long_tail_is_priced_by_its_prefix() -> None:
    """Kind litellm: its names are `groq/` and what clients use."""
    entry = b'{"litellm_provider": "groq", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}'
    catalog = Catalog((), litellm=LitellmPrices({"groq/llama": msgspec.Raw(entry)}))
    both = Charges(catalog, {"fast": "litellm", "slow": "litellm"}, {"fast": "groq/"})
    usage = Usage(input_tokens=3, output_tokens=1)
    assert both.cost("fast", "llama", usage, 0.0).total == 5_000
    assert both.cost("slow", "llama", usage, 0.0).unpriced


def test_what_strategies_are_told_of_a_model() -> None:
    """Prices a token, limits, and what it is known to be able to; of one that nobody knows nothing."""
    facts = charges().model_facts("a", "gpt-4o", NOV_2026)
    assert (facts.input_pico_usd, facts.output_pico_usd) == (2_500_000, 10_000_000)
    assert (facts.context_tokens, facts.max_output_tokens) == (128_000, 16_384)
    assert facts.can == VISION | TOOLS
    assert facts.cannot == AUDIO | REASONING  # what sees may be shown the pages of a PDF
    nobody = charges().model_facts("b", "x", NOV_2026)
    assert (nobody.input_pico_usd, nobody.output_pico_usd, nobody.can, nobody.cannot) == (None, None, 0, 0)


def test_a_model_of_text_alone_sees_and_hears_nothing() -> None:
    """As the catalogue has it."""
    assert charges().model_facts("a", "gpt-3.5-turbo-instruct", NOV_2026).cannot == VISION | AUDIO | PDF | TOOLS | REASONING


def test_half_a_price_is_said_to_be_half() -> None:
    """And facts stay what they are."""
    half = charges(x=PriceSettings(output=1)).model_facts("b", "x", NOV_2026)
    assert (half.input_pico_usd, half.output_pico_usd, half.cannot) == (None, 1_000_000, 0)


def test_litellms_map_does_not_say_what_a_model_cannot_take() -> None:
    """Only that it takes images, or says nothing of them."""
    entry = b'{"litellm_provider": "groq", "input_cost_per_token": 1e-06, "supports_function_calling": false}'
    prices = LitellmPrices({"groq/x": msgspec.Raw(entry)})
    facts = Charges(Catalog((), litellm=prices), {"g": "litellm"}).model_facts("g", "groq/x", NOV_2026)
    assert (facts.can, facts.cannot) == (0, TOOLS)


def test_a_stated_price_for_models_without_one() -> None:
    """Incomplete, and it says why; what has a price keeps it."""
    instead = Tariff((Price(meter="input", pico_usd=1000), Price(meter="output", pico_usd=2000)))
    files = load_catalog(litellm=False).files.values()
    found = Charges(Catalog(files), {"a": "openai"}, instead=instead)
    cost = found.cost("a", "nobody-knows-it", USAGE, NOV_2026)
    assert (cost.total, cost.incomplete, cost.unpriced, cost.source) == (1200, True, False, "budgets.unpriced")
    assert found.cost("a", "gpt-4o", USAGE, NOV_2026).source == "catalogue"
    assert found.cost("a", "gpt-4o", None, NOV_2026).unpriced
    assert found.tariff("a", "nobody-knows-it") is found.instead is instead
