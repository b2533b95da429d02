"""What `doctor` says of prices."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.cli.price_checks import price_lines, stale, unpriced
from proxy.providers.catalog import load_catalog
from proxy.settings import Settings
from tests.support.require import require

CATALOG = load_catalog(litellm=False)
OLDEST = min(file.checked for file in CATALOG.files.values())
CHECKED = datetime(OLDEST.year, OLDEST.month, OLDEST.day, tzinfo=UTC).timestamp()
DAY = 86_400.0
PROVIDERS = {
    "echo": {"kind": "echo"},
    "openai": {"kind": "openai", "api_keys": ["sk-x"]},
    "local": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:8000/v1", "price": "free"},
    "vllm": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:8000/v1"},
}


def config(*targets: dict[str, Any], name: str = "m", **more: Any) -> Settings:
    return Settings.of(providers=PROVIDERS, models={name: {"targets": list(targets)}}, **more)


@pytest.mark.parametrize(("days", "old"), [(0.0, False), (90.9, False), (91.0, True), (400.0, True)])
def test_a_catalogue_of_more_than_ninety_days_is_old(days: float, old: bool) -> None:
    """The oldest of its files counts, and is named."""
    line = stale(CATALOG, CHECKED + days * DAY)
    assert (line is not None) == old
    assert line is None or (str(OLDEST) in line and f"{int(days)} days" in line)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ({"provider": "openai", "model": "gpt-4o"}, None),
        ({"provider": "openai", "model": "gpt-unheard-of"}, "the cost of openai/gpt-unheard-of is not known: neither the settings nor"),
        ({"provider": "openai"}, "the cost of openai/m is not known: neither"),
        ({"provider": "vllm", "model": "half"}, "the cost of vllm/half is not known: there is a price, but none of its input"),
        ({"provider": "vllm", "model": "whole"}, None),
        ({"provider": "echo"}, None),
        ({"provider": "local", "model": "x"}, None),
    ],
)
def test_targets_without_a_price_are_named(target: dict[str, Any], line: str | None) -> None:
    """With the reason; not those that are free."""
    settings = config(target, prices={"vllm/half": {"output": 1}, "vllm/whole": {"input": 1, "output": 1}})
    _, wrong = price_lines(settings, CHECKED)
    assert len(wrong) == (line is not None)
    assert line is None or wrong[0].startswith(line)


def test_the_long_tail_is_looked_up_by_its_prefix() -> None:
    """As litellm's price map names its models."""
    require("litellm", "kind litellm")
    providers = {"far": {"kind": "litellm", "model_prefix": "fars/"}}
    settings = Settings.of(providers=providers, models={"m": {"targets": [{"provider": "far", "model": "x"}]}})
    assert "litellm model 'fars/x'" in next(unpriced(settings, CATALOG))


def test_each_target_once_and_no_pattern() -> None:
    """A name that clients complete is not known before they do."""
    twice = Settings.of(
        providers=PROVIDERS,
        models={name: {"targets": [{"provider": "vllm", "model": "x"}, {"provider": "vllm"}]} for name in ("a-*", "b-?")},
    )
    assert len(list(unpriced(twice, CATALOG))) == 1


def test_what_there_is() -> None:
    """Dates by provider, and how many models have own prices."""
    assert price_lines(config({"provider": "echo"}), CHECKED)[0].startswith("catalogue of openai 20")
    assert price_lines(config({"provider": "echo"}, prices={"a": {"input": 1}}), CHECKED)[0].endswith("; own prices of 1 models")
