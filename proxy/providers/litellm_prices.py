"""LiteLLM's price map, read as the JSON file that its wheel carries: a fallback for models that the catalogue does not have.

The package itself is not imported (13 s and 330 MB). Fields are in USD a token, named
`<meter>[_above_1hr][_above_Nk_tokens][_flex|_priority|_batches]`.
"""

import importlib.util
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Self

import msgspec

from proxy.core.pricing import Meter, Price, When

FILE = "model_prices_and_context_window_backup.json"
_PICOS_PER_USD = Decimal(10**12)
_METERS: dict[str, Meter] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
}
_FIELD = re.compile(rf"({'|'.join(sorted(_METERS, key=len, reverse=True))})(?:_above_(\d+)k_tokens)?(?:_(flex|priority|batches))?")
_PREFIXES = {"gemini": "gemini/", "azure": "azure/"}
_PROVIDERS = {
    "openai": ("openai", "text-completion-openai"),
    "anthropic": ("anthropic",),
    "gemini": ("gemini",),
    "bedrock": ("bedrock", "bedrock_converse"),
    "azure": ("azure", "azure_text"),
}
"""What `litellm_provider` an entry may have to be taken for a kind."""
_OTHER_NAMES = {
    "azure": ("azure_text",),
    "bedrock": ("bedrock_converse",),
    "cohere": ("cohere_chat",),
    "openai": ("text-completion-openai",),
}
"""Of kind `litellm`: beside the prefix itself, and the prefix with a dash (`vertex_ai-language-models`)."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    prices: tuple[Price, ...]
    context_tokens: int | None
    max_output_tokens: int | None
    vision: bool | None = None
    tools: bool | None = None
    reasoning: bool | None = None


class LitellmPrices:
    """`entries`: model → its JSON object, unread until it is asked for."""

    def __init__(self, entries: Mapping[str, msgspec.Raw]) -> None:
        self._entries = entries

    @classmethod
    def installed(cls) -> Self | None:
        """None: the package or its file is not there, or is no JSON object."""
        spec = importlib.util.find_spec("litellm")
        folders = spec.submodule_search_locations if spec is not None else None
        return next((found for folder in folders or () if (found := cls.read(Path(folder) / FILE)) is not None), None)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw]))
        except (OSError, msgspec.DecodeError):
            return None

    def find(self, kind: str, model: str) -> Found | None:
        """`model` of kind `litellm`: with its prefix. None: not in the map, another provider's, or without an input price."""
        entry = self._prefixed(model) if kind == "litellm" else self._direct(kind, model)
        if entry is None:
            return None
        prices = tuple(_prices(entry))
        if not any(price.meter == "input" for price in prices):
            return None
        return Found(
            prices=prices,
            context_tokens=_count(entry.get("max_input_tokens")),
            max_output_tokens=_count(entry.get("max_output_tokens")),
            vision=_flag(entry.get("supports_vision")),
            tools=_flag(entry.get("supports_function_calling")),
            reasoning=_flag(entry.get("supports_reasoning")),
        )

    def _direct(self, kind: str, model: str) -> dict[str, Any] | None:
        entry = self._read(_PREFIXES.get(kind, "") + model) if kind in _PROVIDERS else None
        return entry if entry is not None and entry.get("litellm_provider") in _PROVIDERS[kind] else None

    def _prefixed(self, model: str) -> dict[str, Any] | None:
        """`groq/llama-3.1-8b-instant` stands there so, `anthropic/claude-sonnet-4-5` without the provider: then it has to be that one's."""
        entry = self._read(model)
        if entry is not None:
            return entry
        provider, _, tail = model.partition("/")
        owners = {provider, *_OTHER_NAMES.get(provider, ())}
        while tail:
            entry = self._read(tail)
            owner = str(entry.get("litellm_provider")) if entry is not None else ""
            if owner in owners or owner.startswith(f"{provider}-"):
                return entry
            tail = tail.partition("/")[2]
        return None

    def _read(self, name: str) -> dict[str, Any] | None:
        raw = self._entries.get(name)
        if raw is None:
            return None
        try:
            entry = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return None
        return entry if isinstance(entry, dict) else None


def _prices(entry: dict[str, Any]) -> list[Price]:
    found: dict[tuple[Meter, When], int] = {}
    for field, value in entry.items():
        match = _FIELD.fullmatch(field)
        pico = _pico(value)
        if match is None or pico is None:
            continue
        base, over_k, tier = match.groups()
        when = When(service_tier="batch" if tier == "batches" else tier, context_over=int(over_k) * 1000 if over_k else 0)
        key = (_METERS[base], when)
        # Reasoning may have a price of its own there: the dearer one holds for all output.
        found[key] = max(pico, found.get(key, 0))
    return [Price(meter=meter, pico_usd=pico, when=when) for (meter, when), pico in found.items()]


def _pico(usd: Any) -> int | None:
    if isinstance(usd, bool) or not isinstance(usd, int | float | str):
        return None
    try:
        pico = (Decimal(str(usd)) * _PICOS_PER_USD).to_integral_value(ROUND_HALF_UP)
    except InvalidOperation:
        return None
    return int(pico) if pico.is_finite() and pico >= 0 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
