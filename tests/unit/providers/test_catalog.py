"""The catalogue's data, and which source a price is taken from. Expectations are computed by hand from the providers' price lists."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from proxy.core.pricing import Kind, Price, cost
from proxy.core.response import Usage
from proxy.providers.catalog import FREE, KINDS, Catalog, CatalogFile, foundation_model, load_catalog, own_prices
from proxy.providers.litellm_prices import LitellmPrices
from proxy.settings.prices import PriceSettings

CATALOG = load_catalog(litellm=False)
NOV_2026 = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
NOV_2027 = datetime(2027, 11, 25, tzinfo=UTC).timestamp()


def nanos(kind: str, model: str, usage: Usage, *, tier: str | None = None, at: float = NOV_2026) -> dict[Kind, int]:
    known = CATALOG.find(kind, model)
    assert known.source == "catalogue"
    found = cost(usage, known.prices, at=at, service_tier=tier)
    assert not found.incomplete, found.reasons
    return dict(found.nanos)


def test_openai() -> None:
    """gpt-4o: 2.50 input, 1.25 cached, 10 output; its first snapshot costs 5 and 15. gpt-4o-mini: 0.15, 0.075, 0.60."""
    usage = Usage(input_tokens=1000, cache_read_tokens=2000, output_tokens=300, reasoning_tokens=100)
    assert nanos("openai", "gpt-4o-2024-08-06", usage) == {"input": 2_500_000, "cache_read": 2_500_000, "output": 3_000_000}
    assert nanos("openai", "gpt-4o-2024-05-13", Usage(input_tokens=1, output_tokens=1)) == {"input": 5_000, "output": 15_000}
    assert nanos("openai", "gpt-4o-mini", usage) == {"input": 150_000, "cache_read": 150_000, "output": 180_000}


def test_openai_tiers() -> None:
    """gpt-5 at 1.25, 0.125 and 10: half in flex, double in priority."""
    usage = Usage(input_tokens=1000, cache_read_tokens=1000, output_tokens=1000)
    assert nanos("openai", "gpt-5-2025-08-07", usage) == {"input": 1_250_000, "cache_read": 125_000, "output": 10_000_000}
    assert nanos("openai", "gpt-5", usage, tier="flex") == {"input": 625_000, "cache_read": 62_500, "output": 5_000_000}
    assert nanos("openai", "gpt-5", usage, tier="priority") == {"input": 2_500_000, "cache_read": 250_000, "output": 20_000_000}


def test_openai_long_prompts_and_cache_writes() -> None:
    """gpt-6-sol at 2, 0.20, 2.50 (write) and 10; over 272 000 tokens of prompt double, the output one and a half."""
    usage = Usage(input_tokens=1000, cache_read_tokens=270_000, cache_write_tokens=1000, output_tokens=1000)
    assert nanos("openai", "gpt-6-sol", usage) == {
        "input": 2_000_000,
        "cache_read": 54_000_000,
        "cache_write": 2_500_000,
        "output": 10_000_000,
    }
    usage = Usage(input_tokens=1001, cache_read_tokens=270_000, cache_write_tokens=1000, output_tokens=1000)
    assert nanos("openai", "gpt-6-sol", usage) == {
        "input": 4_004_000,
        "cache_read": 108_000_000,
        "cache_write": 5_000_000,
        "output": 15_000_000,
    }


def test_openai_audio_and_embeddings() -> None:
    """gpt-audio: text 2.50 and 10, audio 32 and 64. text-embedding-3-small: 0.02."""
    usage = Usage(input_tokens=150, input_audio_tokens=100, output_tokens=60, output_audio_tokens=50)
    assert nanos("openai", "gpt-audio", usage) == {"input": 125_000 + 3_200_000, "output": 100_000 + 3_200_000}
    assert nanos("openai", "text-embedding-3-small", Usage(input_tokens=8)) == {"input": 160}


def test_anthropic() -> None:
    """claude-sonnet-4-5: 3 input, 3.75 and 6 cache write, 0.30 cache read, 15 output; batch half of each."""
    usage = Usage(
        input_tokens=100,
        cache_read_tokens=10_000,
        cache_write_tokens=3000,
        cache_write_1h_tokens=1000,
        output_tokens=500,
        reasoning_tokens=400,
    )
    whole = {"input": 300_000, "cache_read": 3_000_000, "cache_write": 2000 * 3750 + 1000 * 6000, "output": 7_500_000}
    assert nanos("anthropic", "claude-sonnet-4-5-20250929", usage) == whole
    assert nanos("anthropic", "claude-sonnet-4-5", usage, tier="batch") == {kind: half // 2 for kind, half in whole.items()}


def test_anthropic_opus_and_haiku() -> None:
    """Opus 4.1 at 15 and 75, Opus 4.5 at 5 and 25, Haiku 5.5 at 0.10 and 0.50, over 100 000 tokens at 0.50 and 2.50."""
    usage = Usage(input_tokens=1000, output_tokens=1000)
    assert nanos("anthropic", "claude-opus-4-1-20250805", usage) == {"input": 15_000_000, "output": 75_000_000}
    assert nanos("anthropic", "claude-opus-4-20250514", usage) == {"input": 15_000_000, "output": 75_000_000}
    assert nanos("anthropic", "claude-opus-4-5-20251101", usage) == {"input": 5_000_000, "output": 25_000_000}
    assert nanos("anthropic", "claude-haiku-5-5", usage) == {"input": 100_000, "output": 500_000}
    assert nanos("anthropic", "claude-haiku-5-5", Usage(input_tokens=200_000, output_tokens=1000)) == {
        "input": 100_000_000,
        "output": 2_500_000,
    }


def test_a_price_that_fell() -> None:
    """claude-sonnet-5-5 reads its cache at 0.20 until 2026-10-06, at 0.10 from 2026-10-07 on."""
    usage = Usage(cache_read_tokens=1000)
    before = datetime(2026, 10, 6, 23, 59, 59, tzinfo=UTC).timestamp()
    assert nanos("anthropic", "claude-sonnet-5-5", usage, at=before) == {"cache_read": 200_000}
    assert nanos("anthropic", "claude-sonnet-5-5", usage, at=before + 1) == {"cache_read": 100_000}


def test_gemini() -> None:
    """gemini-2.5-pro: 1.25, 0.125 cached, 10; over 200 000: 2.50, 0.25, 15. gemini-2.5-flash: 0.30, audio 1, 2.50."""
    usage = Usage(input_tokens=1000, cache_read_tokens=1000, output_tokens=1000, reasoning_tokens=800)
    assert nanos("gemini", "gemini-2.5-pro", usage) == {"input": 1_250_000, "cache_read": 125_000, "output": 10_000_000}
    usage = Usage(input_tokens=200_001, output_tokens=1000)
    assert nanos("gemini", "gemini-2.5-pro", usage) == {"input": 500_002_500, "output": 15_000_000}
    usage = Usage(input_tokens=300, input_audio_tokens=200, output_tokens=10)
    assert nanos("gemini", "gemini-2.5-flash", usage) == {"input": 30_000 + 200_000, "output": 25_000}


def test_gemini_price_that_will_rise() -> None:
    """gemini-3.8-flash: 0.75 and 3.75 through 2026, then 1.50 and 7.50."""
    usage = Usage(input_tokens=1000, output_tokens=1000)
    january = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert nanos("gemini", "gemini-3.8-flash", usage, at=january - 1) == {"input": 750_000, "output": 3_750_000}
    assert nanos("gemini", "gemini-3.8-flash", usage, at=january) == {"input": 1_500_000, "output": 7_500_000}


def test_bedrock() -> None:
    """Claude at Anthropic's prices, a tenth more in regional profiles since 4.5; Nova, Titan and Llama at their own."""
    usage = Usage(input_tokens=1000, cache_read_tokens=1000, output_tokens=1000)
    assert nanos("bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0", usage) == {
        "input": 3_000_000,
        "cache_read": 300_000,
        "output": 15_000_000,
    }
    profile = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert nanos("bedrock", profile, usage) == {"input": 3_300_000, "cache_read": 330_000, "output": 16_500_000}
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert nanos("bedrock", arn, usage) == {"input": 3_000_000, "cache_read": 300_000, "output": 15_000_000}
    assert nanos("bedrock", "amazon.nova-micro-v1:0", usage) == {"input": 35_000, "cache_read": 8_750, "output": 140_000}
    assert nanos("bedrock", "amazon.titan-embed-text-v2:0", Usage(input_tokens=5)) == {"input": 100}
    usage = Usage(input_tokens=10, output_tokens=10)
    assert nanos("bedrock", "us.meta.llama3-3-70b-instruct-v1:0", usage) == {"input": 7_200, "output": 7_200}


@pytest.mark.parametrize(
    ("model", "inner"),
    [
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us.x", "us.x"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
    ],
)
def test_arns(model: str, inner: str) -> None:
    """What an application inference profile stands for cannot be told from its name."""
    assert foundation_model(model) == inner


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "gpt-4o-mini-tts"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::1"),
        ("openai_compatible", "gpt-4o"),
        ("anthropic", "gpt-4o"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"),
    ],
)
def test_unknown_models_have_a_reason(kind: str, model: str) -> None:
    """No price is guessed from a similar name or another provider."""
    known = CATALOG.find(kind, model)
    assert not known.priced
    assert known.source == "none"
    assert known.reason is not None
    assert model in known.reason


def test_own_prices_win() -> None:
    """Over the catalogue, for the meters they name; also for models that nobody else knows, and per provider."""
    own = own_prices(
        {"gpt-4o": PriceSettings(input=1, output=2), "local/llama": PriceSettings(input=0.5), "mine": PriceSettings(output=0.1)}
    )
    catalog = Catalog(CATALOG.files.values(), own=own)
    known = catalog.find("openai", "gpt-4o")
    usage = Usage(input_tokens=1000, cache_read_tokens=1000, output_tokens=1000)
    assert cost(usage, known.prices, at=NOV_2026).nanos == {"input": 1_000_000, "cache_read": 1_250_000, "output": 2_000_000}
    assert (known.source, known.facts.context_tokens) == ("settings", 128_000)
    assert catalog.find("openai_compatible", "llama", provider="local").priced
    assert not catalog.find("openai_compatible", "llama", provider="other").priced
    assert not catalog.find("openai_compatible", "mine").priced


def own_cost(usage: Usage, rows: Any, *, at: float = NOV_2026, tier: str | None = None, model: str = "mine") -> dict[Kind, int]:
    catalog = Catalog(CATALOG.files.values(), own=own_prices({model: PriceSettings.model_validate(rows)}))
    found = cost(usage, catalog.find("openai", model).prices, at=at, service_tier=tier)
    assert not found.incomplete, found.reasons
    return dict(found.nanos)


WRITES = Usage(cache_write_tokens=3, cache_write_1h_tokens=1)


@pytest.mark.parametrize(
    ("rows", "picos"),
    [
        ([{"meter": "cache_write", "pico_usd": 1000}], 3000),
        (
            [
                {"meter": "cache_write", "pico_usd": 1000, "when": {"cache_ttl": "5m"}},
                {"meter": "cache_write", "pico_usd": 5000, "when": {"cache_ttl": "1h"}},
            ],
            7000,
        ),
        ([{"meter": "cache_write", "pico_usd": 1000}, {"meter": "cache_write", "pico_usd": 5000, "when": {"cache_ttl": "1h"}}], 7000),
        ([{"meter": "cache_write", "pico_usd": 5000}, {"meter": "cache_write", "pico_usd": 1000, "when": {"cache_ttl": "5m"}}], 7000),
        ([{"meter": "cache_write", "pico_usd": 1000}, {"meter": "cache_write_1h", "pico_usd": 5000}], 7000),
        ({"cache_write": 0.001, "rows": [{"meter": "cache_write_1h", "pico_usd": 5000}]}, 7000),
    ],
)
def test_lifetimes_of_a_cache_write(rows: Any, picos: int) -> None:
    """Two tokens for five minutes and one for an hour: a row that names a lifetime wins over one that does not."""
    assert own_cost(WRITES, rows) == {"cache_write": picos // 1000}


def test_a_lifetime_of_its_own_may_begin_later() -> None:
    """Until then the general price holds for it; a later general one does not take it back."""
    begin = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    rows = [
        {"meter": "cache_write", "pico_usd": 1000},
        {"meter": "cache_write", "pico_usd": 5000, "when": {"cache_ttl": "1h"}, "valid_from": "2026-12-01"},
        {"meter": "cache_write", "pico_usd": 2000, "valid_from": "2027-01-01"},
    ]
    assert own_cost(WRITES, rows, at=begin - 1) == {"cache_write": 3}
    assert own_cost(WRITES, rows, at=begin) == {"cache_write": 7}
    assert own_cost(WRITES, rows, at=datetime(2027, 1, 1, tzinfo=UTC).timestamp()) == {"cache_write": 9}


def test_an_own_price_of_text_is_one_of_audio_too() -> None:
    """Unless the list has one of its own for that."""
    usage = Usage(input_tokens=3, input_audio_tokens=1, output_tokens=1, output_audio_tokens=1)
    rows = [{"meter": "input", "pico_usd": 1000}, {"meter": "output", "pico_usd": 2000}]
    assert own_cost(usage, rows) == {"input": 3, "output": 2}
    assert own_cost(usage, [*rows, {"meter": "input_audio", "pico_usd": 9000}]) == {"input": 11, "output": 2}


def test_conditions_of_own_rows() -> None:
    """Tier by any name that providers have for it, and size of the prompt."""
    rows = [
        {"meter": "input", "pico_usd": 4000},
        {"meter": "input", "pico_usd": 2000, "when": {"service_tier": "FLEX"}},
        {"meter": "input", "pico_usd": 8000, "when": {"service_tier": "default", "context_over": 2}},
    ]
    assert own_cost(Usage(input_tokens=2), rows) == {"input": 8}
    assert own_cost(Usage(input_tokens=3), rows) == {"input": 24}
    assert own_cost(Usage(input_tokens=3), rows, tier="flex") == {"input": 6}


def test_an_own_row_for_one_tier_leaves_the_catalogue_its_others() -> None:
    """gpt-5 in flex at a negotiated price; else at 1.25."""
    rows = [{"meter": "input", "pico_usd": 100_000, "when": {"service_tier": "flex"}}]
    assert own_cost(Usage(input_tokens=1000), rows, model="gpt-5") == {"input": 1_250_000}
    assert own_cost(Usage(input_tokens=1000), rows, model="gpt-5", tier="flex") == {"input": 100_000}


def test_models_behind_litellm_are_found_by_their_prefix() -> None:
    """`groq/` + the name that clients use; own prices by that name alone, or with the provider's."""
    entry = b'{"litellm_provider": "groq", "input_cost_per_token": 1e-06, "supports_vision": true, "supports_function_calling": true}'
    litellm = LitellmPrices({"groq/llama": msgspec.Raw(entry)})
    catalog = Catalog(CATALOG.files.values(), litellm=litellm, own=own_prices({"fast/mine": PriceSettings(input=5)}))
    known = catalog.find("litellm", "llama", provider="fast", prefix="groq/")
    assert (known.source, known.priced, known.facts.input, known.facts.tools) == ("litellm", True, ("text", "image"), True)
    assert catalog.find("litellm", "llama", provider="slow").source == "none"
    assert catalog.find("litellm", "mine", provider="fast", prefix="groq/").source == "settings"
    assert "groq/other" in str(catalog.find("litellm", "other", provider="fast", prefix="groq/").reason)


def test_litellm_is_the_last_resort() -> None:
    """Asked only for what the catalogue does not have."""
    entry = b'{"litellm_provider": "openai", "input_cost_per_token": 1e-06, "max_input_tokens": 9}'
    litellm = LitellmPrices({"gpt-4o": msgspec.Raw(entry), "gpt-new": msgspec.Raw(entry)})
    catalog = Catalog(CATALOG.files.values(), litellm=litellm)
    assert catalog.find("openai", "gpt-4o").source == "catalogue"
    known = catalog.find("openai", "gpt-new")
    assert known.source == "litellm"
    assert (known.prices, known.facts.context_tokens) == ((Price(meter="input", pico_usd=1_000_000),), 9)


def test_a_price_of_the_echo_provider() -> None:
    """One's own; without one it costs nothing."""
    catalog = Catalog(CATALOG.files.values(), own=own_prices({"echo": PriceSettings(input=1)}))
    assert catalog.find("echo", "echo").priced
    assert catalog.find("echo", "echo-slow-200ms") is FREE


def test_free() -> None:
    """The echo provider costs nothing, completely."""
    assert CATALOG.find("echo", "anything") is FREE
    usage = Usage(input_tokens=1, cache_write_tokens=2, cache_write_1h_tokens=1, output_tokens=3, input_audio_tokens=1)
    found = cost(usage, FREE.prices, at=NOV_2026)
    assert (found.total, found.incomplete) == (0, False)


def test_answers_are_remembered_within_bounds() -> None:
    """The same object for the same question; strangers' model names do not pile up."""
    catalog = Catalog(CATALOG.files.values())
    first = catalog.find("openai", "gpt-4o")
    assert catalog.find("openai", "gpt-4o") is first
    for n in range(3000):
        catalog.find("openai", f"model-{n}")
    assert len(catalog._found) <= 1024


def test_age() -> None:
    """Whole days since the oldest file was checked, for `doctor`."""
    oldest = min(file.checked for file in CATALOG.files.values())
    began = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC).timestamp()
    assert [CATALOG.age_days(began + offset) for offset in (0, 86_399, 86_400, 30 * 86_400)] == [0, 0, 1, 30]


@pytest.mark.parametrize("kind", KINDS)
def test_data_is_sound(kind: str) -> None:
    """Patterns compile; every model has an input price; conditions never make a meter appear that the plain list lacks; no duplicates."""
    file: CatalogFile = CATALOG.files[kind]
    assert file.source
    for model in file.models:
        re.compile(model.match)
        plain = {price.meter for price in model.prices if price.when.service_tier is None and not price.when.context_over}
        assert "input" in plain, model.match
        assert {price.meter for price in model.prices} == plain, model.match
        keys = [(price.meter, price.when, price.valid_from) for price in model.prices]
        assert len(keys) == len(set(keys)), model.match
        assert all(price.pico_usd > 0 for price in model.prices), model.match


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_do_not_overlap(kind: str) -> None:
    """Each pattern's plainest id is found by that pattern first."""
    models = CATALOG.files[kind].models
    for model in models:
        plain = re.sub(r"\((?:[^()]|\([^()]*\))*\)\?", "", model.match).replace("\\", "")
        plain = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", plain)
        plain = re.sub(r"\[(.)[^]]*\]", r"\1", plain)
        first = next(other.match for other in models if re.fullmatch(other.match, plain))
        assert first == model.match, plain


def test_loading_with_whatever_is_installed() -> None:
    """With LiteLLM's package or without, the catalogue's own models are the same."""
    assert load_catalog({"x": PriceSettings(input=1)}).find("openai", "gpt-4o") == CATALOG.find("openai", "gpt-4o")


@pytest.mark.parametrize("kind", KINDS)
def test_the_document_has_its_date(kind: str) -> None:
    """docs/prices.md says when each file was checked."""
    text = (Path(__file__).parents[3] / "docs/prices.md").read_text()
    assert f"| `{kind}` | {CATALOG.files[kind].checked} |" in text


def test_the_document_s_example() -> None:
    """Its own prices are taken, and mean what it says."""
    text = (Path(__file__).parents[3] / "docs/prices.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    own: dict[str, PriceSettings] = {}
    for block in blocks:
        own |= {name: PriceSettings.model_validate(section) for name, section in yaml.safe_load(block)["prices"].items()}
    catalog = Catalog(CATALOG.files.values(), own=own_prices(own))
    prices = catalog.find("azure", "my-deployment", provider="azure").prices
    usage = Usage(input_tokens=1000, cache_read_tokens=1000, cache_write_tokens=3, cache_write_1h_tokens=1, output_tokens=1000)
    found = cost(usage, prices, at=NOV_2026)
    assert found.nanos == {"input": 1_250_000, "cache_read": 125_000, "cache_write": 5625, "output": 10_000_000}
    assert cost(usage, prices, at=NOV_2027).nanos["output"] == 8_000_000
    assert cost(usage, prices, at=NOV_2026, service_tier="flex").nanos["input"] == 625_000
    assert catalog.find("openai_compatible", "llama-3.3-70b", provider="local").priced
