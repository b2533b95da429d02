"""What a call cost: usage times prices, in integers (contract F).

Kinds are disjoint: `input` (uncached, with its audio), `cache_read`, `cache_write`, `output` (with reasoning and audio). Each kind is
rounded once, half up, and the total is the sum of the rounded kinds. Where a meter has no price of its own, the dearer of those that could
stand for it is taken and the cost is marked incomplete: never cheaper, never silently. Tokens that nothing prices leave the whole cost
unknown.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from proxy.core.money import PICOS_PER_NANO
from proxy.core.response import Usage

Kind = Literal["input", "cache_read", "cache_write", "output", "other"]
"""`other`: of a call that nobody heard the end of, what it may have cost."""
Meter = Literal["input", "cache_read", "cache_write", "cache_write_1h", "output", "input_audio", "output_audio", "image"]
PICOS_PER_USD_A_MILLION = 1_000_000
"""1 USD per million tokens is a millionth of a USD a token."""
STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand", "unspecified", "traffic_type_unspecified"})
"""What providers call the tier that has no name in a price list."""
MAX_TIER_CHARS = 40
"""Of a name that a provider made up."""
_SYNONYMS = {"fast": "priority", "batches": "batch", "on_demand_priority": "priority", "on_demand_flex": "flex"}
_MAX_RATES = 256
"""Combinations of tier, size and time kept for a model; more than any list has, and providers choose the tiers' names."""
_UNKNOWN_METER = "the provider reported a meter that is not known"
_HALF_NANO = PICOS_PER_NANO // 2
_INSTEAD: dict[Meter, tuple[Meter, ...]] = {
    "input": (),
    "input_audio": ("input",),
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_1h": ("cache_write", "input"),
    "output": (),
    "output_audio": ("output",),
}
"""Token meter → those whose price may stand in for its own."""


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions of a price; all must hold."""

    service_tier: str | None = None
    """`flex`, `priority`, `batch`, as `billed_tier` has it; None: the standard one."""
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
    own: bool = False
    """Of the settings: while it holds, other prices of its meter and tier do not; one of the standard tier stands for every tier."""


class Cost(msgspec.Struct, frozen=True, gc=False):
    nanos: Mapping[Kind, int]
    """Nano-USD by kind, those with units only."""
    incomplete: bool = False
    reasons: tuple[str, ...] = ()
    """Why it is incomplete, or unknown."""
    unpriced: bool = False
    """Something was used that has no price at all: `nanos` is a part, and what the call cost is not known."""
    source: str = ""
    """Where the prices are from: `settings`, `catalogue`, `litellm`; "" for none."""

    @property
    def total(self) -> int:
        return sum(self.nanos.values())

    def plus(self, other: "Cost") -> "Cost":
        """Of two calls: kinds add up, each rounded by itself, and so do the doubts."""
        nanos = {kind: self.nanos.get(kind, 0) + other.nanos.get(kind, 0) for kind in (*self.nanos, *other.nanos)}
        return Cost(
            nanos,
            self.incomplete or other.incomplete,
            tuple(dict.fromkeys((*self.reasons, *other.reasons))),
            self.unpriced or other.unpriced,
            ", ".join(dict.fromkeys(source for source in (self.source, other.source) if source)),
        )


class _Rates:
    """Pico-USD a token where tier, size of the prompt and time are given; 0 for what has no price."""

    __slots__ = (
        "cache_read", "cache_write", "cache_write_1h", "ceilings", "found", "inexact", "input", "input_audio", "output",
        "output_audio", "sure", "unpriced",
    )  # fmt: skip

    def __init__(self, found: Mapping[Meter, int], inexact: Mapping[Meter, str], unpriced: frozenset[Meter]) -> None:
        self.found = found
        self.input = found["input"]
        self.input_audio = found["input_audio"]
        self.cache_read = found["cache_read"]
        self.cache_write = found["cache_write"]
        self.cache_write_1h = found["cache_write_1h"]
        self.output = found["output"]
        self.output_audio = found["output_audio"]
        self.inexact = inexact
        """Meter → why its price is not its own."""
        self.unpriced = unpriced
        self.sure = "input" not in inexact and "output" not in inexact
        """Of text, which is not read from a cache nor written to one."""
        self.ceilings = tuple(_ceiling(self, written, audio) for audio in (False, True) for written in (False, True))
        """By whether there may be sound in it, twice, and whether it may be written to the provider's cache."""

    def may_miss(self, usage: Usage) -> bool:
        """Whether the usage may have units of a meter without its own price; most models lack one of a rare meter. Errs on the side of
        yes."""
        inexact = self.inexact
        return bool(
            not self.sure
            or (usage.cache_read_tokens and "cache_read" in inexact)
            or (usage.cache_write_tokens and ("cache_write" in inexact or "cache_write_1h" in inexact))
            or (usage.input_audio_tokens and "input_audio" in inexact)
            or (usage.output_audio_tokens and "output_audio" in inexact)
        )


class Tariff:
    """The prices of one model, made ready: what holds is worked out once for each tier, size of prompt and time, and remembered."""

    def __init__(self, prices: Iterable[Price], *, source: str = "") -> None:
        self.source = source
        self._prices = [price for price in prices if price.unit == "token"]
        self._times = sorted({price.valid_from for price in self._prices if price.valid_from > 0.0})
        self._sizes = sorted({price.when.context_over for price in self._prices if price.when.context_over > 0})
        self._known: dict[tuple[str | None, int, int], _Rates] = {}
        self.by_size = bool(self._sizes)
        """Whether the size of a prompt matters."""
        self._standard: _Rates | None = None
        """Those of the standard tier, where neither size nor time matter."""

    def cost(self, usage: Usage, *, at: float, service_tier: str | None = None) -> Cost:
        """`at`: when the request began, Unix seconds. `service_tier`: as `billed_tier` has it. Without any price for it the standard
        tier's are taken, and the cost is incomplete. A usage of several calls is priced call by call, and rounded once."""
        if usage.calls:
            return self._carefully(usage, [(call, self._rates(call.prompt_tokens, at, call.service_tier)) for call in usage.calls])
        inputs, read, written, out = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens
        rates = self._rates(inputs + read + written, at, service_tier)
        sound = usage.input_audio_tokens or usage.output_audio_tokens
        nanos: dict[Kind, int] = {}
        if inputs:
            picos = inputs * rates.input
            if sound and (audio := usage.input_audio_tokens):
                picos += min(audio, inputs) * (rates.input_audio - rates.input)
            nanos["input"] = (picos + _HALF_NANO) // PICOS_PER_NANO
        if read:
            nanos["cache_read"] = (read * rates.cache_read + _HALF_NANO) // PICOS_PER_NANO
        if written:
            long = min(usage.cache_write_1h_tokens, written)
            nanos["cache_write"] = ((written - long) * rates.cache_write + long * rates.cache_write_1h + _HALF_NANO) // PICOS_PER_NANO
        if out:
            picos = out * rates.output
            if sound and (audio := usage.output_audio_tokens):
                picos += min(audio, out) * (rates.output_audio - rates.output)
            nanos["output"] = (picos + _HALF_NANO) // PICOS_PER_NANO
        if usage.incomplete or ((read or written or sound or not rates.sure) and rates.inexact and rates.may_miss(usage)):
            return self._carefully(usage, [(usage, rates)])
        return Cost(nanos, source=self.source)

    def ceiling(
        self,
        prompt_tokens: int,
        at: float,
        service_tier: str | None = None,
        written: bool = True,
        audio: bool = False,
        output: bool = True,
    ) -> tuple[int, int] | None:
        """(pico-USD of an input token, of an output token) that no token of a call costs more than. `written`: the prompt may be written to
        the provider's cache; `audio`: there may be sound in it or in the answer; `output`: there is one. None: something has no price."""
        rates = self._rates(prompt_tokens, at, None)
        if rates.unpriced and ("input" in rates.unpriced or (output and "output" in rates.unpriced)):
            return None
        dearest = rates.ceilings[2 * audio + written]
        if service_tier is not None:
            of_tier = self._rates(prompt_tokens, at, service_tier).ceilings[2 * audio + written]
            dearest = max(dearest[0], of_tier[0]), max(dearest[1], of_tier[1])
        return dearest

    def always(self, *, written: bool) -> tuple[int, int] | None:
        """The `ceiling` of every call of the standard tier without sound; None: its size or time matter, or something has no price."""
        return None if self._sizes or self._times else self.ceiling(0, 0.0, written=written)

    def _rates(self, prompt_tokens: int, at: float, service_tier: str | None) -> _Rates:
        if service_tier is None and self._standard is not None:
            return self._standard
        size = bisect_left(self._sizes, prompt_tokens) if self._sizes else 0
        time = bisect_right(self._times, at) if self._times else 0
        return self._known.get((service_tier, size, time)) or self._learn((service_tier, size, time))

    def _carefully(self, usage: Usage, calls: Sequence[tuple[Usage, _Rates]]) -> Cost:
        """Meter by meter, with what is doubtful about each."""
        picos: dict[Kind, int] = {}
        reasons = [_UNKNOWN_METER] if usage.incomplete else []
        unpriced = False
        for call, rates in calls:
            for kind, meter, tokens in _amounts(call):
                if tokens <= 0:
                    continue
                if meter in rates.inexact:
                    reasons.append(rates.inexact[meter])
                if meter in rates.unpriced:
                    unpriced = True
                else:
                    picos[kind] = picos.get(kind, 0) + tokens * rates.found[meter]
        nanos = {kind: (pico + _HALF_NANO) // PICOS_PER_NANO for kind, pico in picos.items()}
        return Cost(nanos, bool(reasons), tuple(dict.fromkeys(reasons)), unpriced, self.source)

    def _learn(self, key: tuple[str | None, int, int]) -> _Rates:
        tier, size, time = key
        over, at = (self._sizes[size - 1] if size else 0), (self._times[time - 1] if time else 0.0)
        held = _in_force([price for price in self._prices if price.when.context_over <= over and price.valid_from <= at])
        known = tier is None or any(of_tier == tier for of_tier, _ in held)
        found: dict[Meter, int] = {}
        inexact: dict[Meter, str] = {}
        unpriced = set()
        for meter, instead in _INSTEAD.items():
            exact = held.get((tier if known else None, meter))
            others = [held[other, name] for name in (meter, *instead) for other in (tier, None) if (other, name) in held]
            found[meter] = max(others, default=0) if exact is None else exact
            if exact is not None and known:
                continue
            inexact[meter] = f"no price of {meter}{f' in tier {tier}' if tier else ''}{': the nearest is taken' if others else ''}"
            if not others:
                unpriced.add(meter)
        rates = _Rates(found, inexact, frozenset(unpriced))
        if len(self._known) >= _MAX_RATES:
            self._known.clear()
        self._known[key] = rates
        if tier is None and not self._sizes and not self._times:
            self._standard = rates
        return rates


def _ceiling(rates: _Rates, written: bool, audio: bool) -> tuple[int, int]:
    dearest = max(rates.input, rates.cache_write, rates.cache_write_1h) if written else rates.input
    return (max(dearest, rates.input_audio), max(rates.output, rates.output_audio)) if audio else (dearest, rates.output)


def cost(usage: Usage, prices: Sequence[Price], *, at: float, service_tier: str | None = None) -> Cost:
    """As `Tariff.cost`, once. `service_tier`: as the provider reported it."""
    return Tariff(prices).cost(usage, at=at, service_tier=billed_tier(service_tier))


def pico_usd(usd_a_million: float) -> int:
    """A price per million units, as price lists and settings have it, to the nearest pico-USD a unit."""
    return int((Decimal(str(usd_a_million)) * PICOS_PER_USD_A_MILLION).to_integral_value(ROUND_HALF_UP))


def billed_tier(reported: object) -> str | None:
    """A tier's name in price lists, from what the provider reported in its answer; None for the standard one, and for what is no name."""
    if reported is None or reported == "default" or not isinstance(reported, str):
        return None
    tier = reported.strip().lower()[:MAX_TIER_CHARS]
    return None if tier in STANDARD_TIERS else _SYNONYMS.get(tier, tier)


def _amounts(usage: Usage) -> tuple[tuple[Kind, Meter, int], ...]:
    audio_in = min(usage.input_audio_tokens or 0, usage.input_tokens)
    audio_out = min(usage.output_audio_tokens or 0, usage.output_tokens)
    long = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
    return (
        ("input", "input", usage.input_tokens - audio_in),
        ("input", "input_audio", audio_in),
        ("cache_read", "cache_read", usage.cache_read_tokens),
        ("cache_write", "cache_write", usage.cache_write_tokens - long),
        ("cache_write", "cache_write_1h", long),
        ("output", "output", usage.output_tokens - audio_out),
        ("output", "output_audio", audio_out),
    )


def _in_force(valid: Sequence[Price]) -> dict[tuple[str | None, Meter], int]:
    """(tier, meter) → the price that holds, of those whose time and size are right."""
    own = {(price.meter, price.when.service_tier) for price in valid if price.own}
    best: dict[tuple[str | None, Meter], Price] = {}
    for price in valid:
        tier = price.when.service_tier
        if not price.own and ((price.meter, None) in own or (price.meter, tier) in own):
            continue
        other = best.get((tier, price.meter))
        if other is None or _rank(price) > _rank(other):
            best[tier, price.meter] = price
    return {key: price.pico_usd for key, price in best.items()}


def _rank(price: Price) -> tuple[int, float]:
    return price.when.context_over, price.valid_from
