"""What a call cost: usage times prices, in integers (contract F).

Kinds are disjoint: `input` (uncached, with its audio), `cache_read`, `cache_write`, `output` (with reasoning and audio). Each kind is
rounded once, half up, and the total is the sum of the rounded kinds. Where a meter has no price of its own, the dearer of those that could
stand for it is taken and the cost is marked incomplete: never cheaper, never silently.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from proxy.core.money import PICOS_PER_NANO
from proxy.core.response import Usage

Kind = Literal["input", "cache_read", "cache_write", "output"]
Meter = Literal["input", "cache_read", "cache_write", "cache_write_1h", "output", "input_audio", "output_audio", "image"]
PICOS_PER_USD_A_MILLION = 1_000_000
"""1 USD per million tokens is a millionth of a USD a token."""
STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
"""What providers call the tier that has no name in a price list."""
_SYNONYMS = {"fast": "priority", "batches": "batch"}
_STANDS_FOR: tuple[tuple[Meter, Meter], ...] = (("cache_write", "cache_write_1h"), ("input", "input_audio"), ("output", "output_audio"))


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions of a price; all must hold."""

    service_tier: str | None = None
    """`flex`, `priority`, `batch`, as the provider reports it; None: the standard one."""
    context_over: int = 0
    """The whole prompt (cached part included) has more tokens than this; the highest that holds decides for all meters."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    meter: Meter
    pico_usd: int
    """For one unit."""
    unit: str = "token"
    when: When = When()
    valid_from: float = 0.0
    """Unix seconds; of several that hold the newest counts."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    nanos: Mapping[Kind, int]
    """Nano-USD by kind, those with units only."""
    incomplete: bool = False
    reasons: tuple[str, ...] = ()
    """Why it is incomplete."""

    @property
    def total(self) -> int:
        return sum(self.nanos.values())


def pico_usd(usd_a_million: float) -> int:
    """A price per million units, as price lists and settings have it, to the nearest pico-USD a unit."""
    return int((Decimal(str(usd_a_million)) * PICOS_PER_USD_A_MILLION).to_integral_value(ROUND_HALF_UP))


def overridden(prices: Iterable[Price], own: Mapping[Meter, int]) -> tuple[Price, ...]:
    """`own` (meter → pico-USD a token) instead of every price of that meter, whatever its conditions.

    An own cache write price stands for both lifetimes, and an own input or output price for its audio, unless `own` has those too.
    """
    full: dict[Meter, int] = {}
    for meter, also in _STANDS_FOR:
        if meter in own:
            full[also] = own[meter]
    full.update(own)
    kept = [price for price in prices if price.meter not in full]
    return (*kept, *(Price(meter=meter, pico_usd=pico) for meter, pico in full.items()))


def cost(usage: Usage, prices: Sequence[Price], *, at: float, service_tier: str | None = None) -> Cost:
    """`at`: when the request began, Unix seconds. `service_tier`: as the provider reported it. Without prices for it the standard tier's
    are taken, and the cost is incomplete."""
    bill = _Bill(prices, at, usage.prompt_tokens, _tier(service_tier))
    if usage.incomplete:
        bill.reasons.append("the provider reported a meter that is not known")
    audio_in = min(usage.input_audio_tokens or 0, usage.input_tokens)
    audio_out = min(usage.output_audio_tokens or 0, usage.output_tokens)
    long_lived = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
    bill.add("input", "input", usage.input_tokens - audio_in)
    bill.add("input", "input_audio", audio_in, instead=("input",))
    bill.add("cache_read", "cache_read", usage.cache_read_tokens, instead=("input",))
    bill.add("cache_write", "cache_write", usage.cache_write_tokens - long_lived, instead=("input",))
    bill.add("cache_write", "cache_write_1h", long_lived, instead=("cache_write", "input"))
    bill.add("output", "output", usage.output_tokens - audio_out)
    bill.add("output", "output_audio", audio_out, instead=("output",))
    nanos: dict[Kind, int] = {kind: (picos + PICOS_PER_NANO // 2) // PICOS_PER_NANO for kind, picos in bill.picos.items()}
    return Cost(nanos=nanos, incomplete=bool(bill.reasons), reasons=tuple(bill.reasons))


def _tier(reported: str | None) -> str | None:
    tier = (reported or "").lower()
    return None if tier in STANDARD_TIERS else _SYNONYMS.get(tier, tier)


class _Bill:
    """Adds up pico-USD by kind."""

    def __init__(self, prices: Sequence[Price], at: float, prompt_tokens: int, tier: str | None) -> None:
        self.picos: dict[Kind, int] = {}
        self.reasons: list[str] = []
        self._tier = tier
        self._found: dict[tuple[str | None, str], Price] = {}
        for price in prices:
            over = price.when.context_over
            if price.unit != "token" or price.valid_from > at or (over and prompt_tokens <= over):
                continue
            key = (price.when.service_tier, price.meter)
            other = self._found.get(key)
            if other is None or _rank(price) > _rank(other):
                self._found[key] = price

    def add(self, kind: Kind, meter: Meter, tokens: int, *, instead: tuple[Meter, ...] = ()) -> None:
        if tokens <= 0:
            return
        price = self._price(meter, instead)
        if price is not None:
            self.picos[kind] = self.picos.get(kind, 0) + tokens * price

    def _price(self, meter: Meter, instead: tuple[Meter, ...]) -> int | None:
        """Of the tier, else of the standard one, else the dearest of what may stand in; None: no price at all."""
        exact = self._found.get((self._tier, meter))
        if exact is not None:
            return exact.pico_usd
        others = [found.pico_usd for name in (meter, *instead) for tier in (self._tier, None) if (found := self._found.get((tier, name)))]
        tier = f" in tier {self._tier}" if self._tier else ""
        self.reasons.append(f"no price of {meter}{tier}{': the nearest is taken' if others else ''}")
        return max(others) if others else None


def _rank(price: Price) -> tuple[int, float]:
    return price.when.context_over, price.valid_from
