"""LiteLLM's price map as data."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.core.pricing import Price, When
from proxy.providers.litellm_prices import FILE, LitellmPrices


def prices(**entries: Any) -> LitellmPrices:
    return LitellmPrices({name: msgspec.Raw(json.dumps(entry).encode()) for name, entry in entries.items()})


def test_fields_become_prices() -> None:
    """Meters, long prompts and tiers; what is no price is left out."""
    entry = {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 3e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "input_cost_per_token_batches": 1.5e-06,
        "output_cost_per_token": "0.000015",
        "output_cost_per_reasoning_token": 2e-05,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
        "cache_read_input_token_cost_flex": 1e-07,
        "cache_read_input_token_cost": None,
        "input_cost_per_audio_token": -1,
        "output_cost_per_audio_token": "dear",
        "input_cost_per_image": 0.004,
        "search_context_cost_per_query": {"a": 1},
        "max_input_tokens": 200000,
        "max_output_tokens": "many",
    }
    found = prices(m=entry).find("anthropic", "m")
    assert found is not None
    assert set(found.prices) == {
        Price(meter="input", pico_usd=3_000_000),
        Price(meter="input", pico_usd=6_000_000, when=When(context_over=200_000)),
        Price(meter="input", pico_usd=1_500_000, when=When(service_tier="batch")),
        Price(meter="output", pico_usd=20_000_000),
        Price(meter="cache_write", pico_usd=3_750_000),
        Price(meter="cache_write_1h", pico_usd=6_000_000),
        Price(meter="cache_write_1h", pico_usd=12_000_000, when=When(context_over=200_000)),
        Price(meter="cache_read", pico_usd=100_000, when=When(service_tier="flex")),
    }
    assert (found.context_tokens, found.max_output_tokens) == (200_000, None)


@pytest.mark.parametrize(
    ("kind", "name", "provider", "found"),
    [
        ("openai", "m", "openai", True),
        ("openai", "m", "text-completion-openai", True),
        ("openai", "m", "azure", False),
        ("bedrock", "m", "bedrock_converse", True),
        ("gemini", "gemini/m", "gemini", True),
        ("gemini", "m", "vertex_ai", False),
        ("azure", "azure/m", "azure", True),
        ("litellm", "groq/m", "groq", True),
        ("litellm", "groq/m", "somebody", True),
        ("openai_compatible", "m", "openai", False),
        ("echo", "m", "openai", False),
    ],
)
def test_only_the_same_provider(kind: str, name: str, provider: str, found: bool) -> None:
    """An entry of another provider is no price of this one."""
    model = name if kind == "litellm" else name.rpartition("/")[2]
    entry = {"litellm_provider": provider, "input_cost_per_token": 1e-06}
    assert (prices(**{name: entry}).find(kind, model) is not None) is found


@pytest.mark.parametrize(
    ("model", "name", "provider", "found"),
    [
        ("anthropic/m", "m", "anthropic", True),
        ("anthropic/m", "m", "openai", False),
        ("azure/m", "m", "azure_ai", False),
        ("azure/m", "m", "azure_text", True),
        ("vertex_ai/m", "m", "vertex_ai-language-models", True),
        ("vertex_ai/m", "m", "vertex_ai_beta", False),
        ("bedrock/us-east-1/m", "m", "bedrock_converse", True),
        ("bedrock/us-east-1/m", "us-east-1/m", "bedrock", True),
        ("openai/openai/m", "openai/m", "groq", False),
        ("m", "m", "openai", True),
        ("groq/m", "n", "groq", False),
    ],
)
def test_names_with_a_prefix(model: str, name: str, provider: str, found: bool) -> None:
    """Kind `litellm`: as they stand, else without the prefix if the entry is that provider's."""
    entry = {"litellm_provider": provider, "input_cost_per_token": 1e-06}
    assert (prices(**{name: entry}).find("litellm", model) is not None) is found


def test_what_else_the_map_says() -> None:
    """Limits and abilities."""
    known = {"max_input_tokens": 9, "max_output_tokens": 3, "supports_vision": True, "supports_function_calling": False}
    found = prices(m={"litellm_provider": "openai", "input_cost_per_token": 1, **known}).find("openai", "m")
    assert found is not None
    assert (found.context_tokens, found.max_output_tokens, found.vision, found.tools, found.reasoning) == (9, 3, True, False, None)


@pytest.mark.parametrize("entry", [[], None, {"litellm_provider": "openai"}, {"litellm_provider": "openai", "output_cost_per_token": 1}])
def test_entries_without_an_input_price(entry: Any) -> None:
    """None of them is a price."""
    assert prices(m=entry).find("openai", "m") is None


def test_no_number_is_no_price() -> None:
    """Neither infinite nor Boolean."""
    for value in (True, "NaN", "Infinity"):
        assert prices(m={"litellm_provider": "openai", "input_cost_per_token": value}).find("openai", "m") is None


def test_entry_that_is_no_json() -> None:
    """Found broken when it is asked for: no price."""
    assert LitellmPrices({"m": msgspec.Raw(b"{")}).find("openai", "m") is None


def test_file(tmp_path: Path) -> None:
    """Read from the package's folder; a missing or broken one is none at all."""
    path = tmp_path / FILE
    assert LitellmPrices.read(path) is None
    path.write_text("[]")
    assert LitellmPrices.read(path) is None
    path.write_text('{"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}')
    read = LitellmPrices.read(path)
    assert read is not None
    assert read.find("openai", "m") is not None


def test_installed_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is found beside the package's code, which does not run."""
    folder = tmp_path / "litellm"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / FILE).write_text('{"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "litellm", raising=False)  # another test may use the real one
    found = LitellmPrices.installed()
    assert found is not None
    assert found.find("openai", "m") is not None
    assert "litellm" not in sys.modules
    (folder / FILE).unlink()
    assert LitellmPrices.installed() is None
