"""What is known of models: capabilities and prices, by provider kind and model.

Looked for in this order: own prices (settings `prices`), the catalogue in `data/*.json` (dated, with its sources), LiteLLM's price map
where that package is installed (read as data; the package is not imported). What none of them has is without a price, with the reason.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Literal

import msgspec

from proxy.core.pricing import Meter, Price, When, billed_tier, pico_usd
from proxy.providers.litellm_prices import LitellmPrices
from proxy.settings.prices import PriceRow, PriceSettings

KINDS = ("openai", "anthropic", "gemini", "bedrock")
"""Those with a file of their own; models of other kinds have own prices or LiteLLM's."""
_REMEMBERED = 1024
"""Answers kept; clients choose models where routing goes by name."""
_DAY_S = 86_400.0
_STANDS_FOR: dict[Meter, tuple[Meter, ...]] = {
    "cache_write": ("cache_write", "cache_write_1h"),
    "input": ("input", "input_audio"),
    "output": ("output", "output_audio"),
}
_METERS: tuple[Meter, ...] = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio")

Modality = Literal["text", "image", "audio", "video", "pdf"]
Source = Literal["settings", "catalogue", "litellm", "free", "none"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None: not known."""

    context_tokens: int | None = None
    """Prompt and answer together, as the provider advertises it."""
    max_output_tokens: int | None = None
    input: tuple[Modality, ...] = ("text",)
    more: bool = False
    """It may take more than `input` says."""
    tools: bool | None = None
    reasoning: bool | None = None
    image_tokens: int | None = None
    """No image costs more input tokens than this."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    prices: tuple[Price, ...] = ()
    facts: Facts = Facts()
    source: Source = "none"
    """Of the prices; `settings` also where only some of them are the settings'."""
    reason: str | None = None
    """Why there is no price."""

    @property
    def priced(self) -> bool:
        """Whether a cost can be told at all: an input price is there."""
        return any(price.meter == "input" for price in self.prices)


FREE = Known(prices=tuple(Price(meter=meter, pico_usd=0) for meter in _METERS), source="free")
"""The echo provider, and providers with `price: free`."""


class _Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Price as the files have it: `valid_from` is a date."""

    meter: Meter
    pico_usd: int
    unit: str = "token"
    when: When = When()
    valid_from: date | None = None

    def price(self) -> Price:
        return Price(meter=self.meter, pico_usd=self.pico_usd, unit=self.unit, when=self.when, valid_from=_unix(self.valid_from))


class _Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    match: str
    """Regular expression for the whole model id."""
    prices: tuple[_Price, ...]
    facts: Facts = Facts()


class CatalogFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: str
    checked: date
    """When the prices were last compared with the provider's."""
    source: str
    models: tuple[_Model, ...]


class Catalog:
    """`own`: model or `provider/model` → its own prices."""

    def __init__(
        self,
        catalog_files: Iterable[CatalogFile],
        *,
        own: Mapping[str, tuple[Price, ...]] | None = None,
        litellm: LitellmPrices | None = None,
    ) -> None:
        self.files = {file.provider: file for file in catalog_files}
        self._models = {
            kind: [
                (re.compile(model.match), Known(prices=tuple(p.price() for p in model.prices), facts=model.facts, source="catalogue"))
                for model in file.models
            ]
            for kind, file in self.files.items()
        }
        self._own = own or {}
        self._litellm = litellm
        self._found: dict[tuple[str, str, str], Known] = {}

    def find(self, kind: str, model: str, *, provider: str = "", prefix: str = "") -> Known:
        """`kind`: the provider's; `model`: its name there; `provider`: its name in the settings, for own prices under `provider/model`;
        `prefix`: the provider's `model_prefix`."""
        key = (kind, prefix + model, provider)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._look_up(kind, model, provider, prefix)
        return found

    def age_days(self, now: float) -> int:
        """Whole days since the oldest file was checked; `now` in Unix seconds."""
        return int((now - min(_unix(file.checked) for file in self.files.values())) // _DAY_S)

    def _look_up(self, kind: str, model: str, provider: str, prefix: str) -> Known:
        name = foundation_model(model) if kind == "bedrock" else model
        own = self._own.get(f"{provider}/{model}") or self._own.get(model)
        if kind == "echo":
            return Known(prices=own, source="settings") if own else FREE
        known = self._catalogued(kind, prefix + name)
        if own:
            return Known(prices=known.prices + own, facts=known.facts, source="settings")
        return known

    def _catalogued(self, kind: str, name: str) -> Known:
        for pattern, known in self._models.get(kind, ()):
            if pattern.fullmatch(name):
                return known
        found = self._litellm.find(kind, name) if self._litellm is not None else None
        if found is None:
            return Known(reason=f"neither the settings nor the catalogue has a price of {kind} model {name[:200]!r}")
        facts = Facts(
            context_tokens=found.context_tokens,
            max_output_tokens=found.max_output_tokens,
            input=("text", "image") if found.vision else ("text",),
            more=True,
            tools=found.tools,
            reasoning=found.reasoning,
        )
        return Known(prices=found.prices, facts=facts, source="litellm")


def load_catalog(prices: Mapping[str, PriceSettings] | None = None, *, litellm: bool = True) -> Catalog:
    """Reads the package's files, and LiteLLM's where it is installed and wanted: at start-up, not while serving."""
    folder = files("proxy.providers") / "data"
    loaded = [msgspec.json.decode((folder / f"{kind}.json").read_bytes(), type=CatalogFile) for kind in KINDS]
    return Catalog(loaded, own=own_prices(prices or {}), litellm=LitellmPrices.installed() if litellm else None)


def own_prices(prices: Mapping[str, PriceSettings]) -> dict[str, tuple[Price, ...]]:
    return {model: _own(section) for model, section in prices.items()}


def _own(section: PriceSettings) -> tuple[Price, ...]:
    """A price that names no lifetime or no kind of content stands for all of them, but where one that does holds already."""
    exact: list[Price] = []
    general: list[Price] = []
    short: tuple[Meter, ...] = ("input", "output", "cache_read", "cache_write")
    for meter in short:
        if (usd := getattr(section, meter)) is not None:
            (general if meter in _STANDS_FOR else exact).append(Price(meter=meter, pico_usd=pico_usd(usd), own=True))
    for row in section.rows:
        (general if row.meter in _STANDS_FOR and row.when.cache_ttl is None else exact).append(_price_of(row))
    spread = [
        msgspec.structs.replace(price, meter=meter)
        for price in general
        for meter in _STANDS_FOR[price.meter]
        if not any(other.meter == meter and other.when == price.when and other.valid_from <= price.valid_from for other in exact)
    ]
    return (*exact, *spread)


def _price_of(row: PriceRow) -> Price:
    return Price(
        meter="cache_write_1h" if row.when.cache_ttl == "1h" else row.meter,
        pico_usd=row.pico_usd,
        unit=row.unit,
        when=When(service_tier=billed_tier(row.when.service_tier), context_over=row.when.context_over),
        valid_from=_unix(None if row.valid_from is None else date.fromisoformat(row.valid_from)),
        own=True,
    )


def foundation_model(model: str) -> str:
    """A Bedrock model id out of an ARN of a foundation model or a system inference profile; anything else as it is."""
    match = re.fullmatch(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:(?:foundation-model|inference-profile)/(.+)", model)
    return match[1] if match else model


def _unix(day: date | None) -> float:
    return 0.0 if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
