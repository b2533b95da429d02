"""What calls cost, by the target that answered: prices are looked up at a target's first answer and remembered.

The hot path is one look-up and the arithmetic of `Tariff.cost`; free providers do not come here at all.
"""

import logging
from collections.abc import Mapping

import msgspec

from proxy.core.money import PICOS_PER_NANO
from proxy.core.needs import AUDIO, PDF, REASONING, TOOLS, VISION
from proxy.core.pricing import Cost, Kind, Tariff
from proxy.core.response import Usage
from proxy.providers.catalog import Catalog, Facts, Known
from proxy.routing.candidate import ModelFacts

_REMEMBERED = 1024
"""Targets kept, and told of; clients choose models where routing goes by name."""
NO_USAGE = Cost(nanos={}, incomplete=True, unpriced=True, reasons=("the provider reported no usage",))

INSTEAD = "no price: budgets.unpriced is taken"

_log = logging.getLogger("llm_edge")


class Charges:
    """`kinds`: provider name → its kind, which says whose prices count; `prefixes`: → what stands before its models' names there."""

    def __init__(
        self, catalog: Catalog, kinds: Mapping[str, str], prefixes: Mapping[str, str] | None = None, *, instead: Tariff | None = None
    ) -> None:
        """`instead`: what is charged where a model has no price; None: the cost is unknown then."""
        self._catalog = catalog
        self._kinds = kinds
        self._prefixes = prefixes or {}
        self._instead = instead
        self._known: dict[tuple[str, str], Tariff | Cost] = {}
        """A Cost for a model without prices: unknown, and why."""
        self._told: set[tuple[str, str]] = set()

    def cost(self, provider: str, model: str, usage: Usage | None, at: float) -> Cost:
        """`at`: when the request began, Unix seconds. Why a cost is unknown is logged once a model."""
        key = (provider, model)
        known = self._known.get(key) or self._learn(key)
        if isinstance(known, Cost):
            return known
        cost = NO_USAGE if usage is None else known.cost(usage, at=at, service_tier=usage.service_tier)
        if cost.unpriced:
            self._tell(key, cost)
            if usage is not None and self._instead is not None:
                return _stated(self._instead.cost(usage, at=at))
        return _stated(cost) if known is self._instead and usage is not None else cost

    def tariff(self, provider: str, model: str) -> Tariff | None:
        """None: it has no price."""
        known = self._known.get((provider, model)) or self._learn((provider, model))
        return known if isinstance(known, Tariff) else None

    @property
    def instead(self) -> Tariff | None:
        """What is charged where a model has no price."""
        return self._instead

    def facts(self, provider: str, model: str) -> Facts:
        """What the same catalogue knows of the model besides."""
        return self._find(provider, model).facts

    def model_facts(self, provider: str, model: str, at: float) -> ModelFacts:
        """What strategies and filters are told of it; prices of the standard tier, for short prompts. `at`: Unix seconds."""
        found = self._find(provider, model)
        tariff = Tariff(found.prices)
        return ModelFacts(
            input_pico_usd=_pico(tariff.cost(Usage(input_tokens=PICOS_PER_NANO), at=at), "input"),
            output_pico_usd=_pico(tariff.cost(Usage(output_tokens=PICOS_PER_NANO), at=at), "output"),
            context_tokens=found.facts.context_tokens,
            max_output_tokens=found.facts.max_output_tokens,
            can=_can(found.facts),
            cannot=_cannot(found.facts),
        )

    def _find(self, provider: str, model: str) -> Known:
        return self._catalog.find(self._kinds.get(provider, ""), model, provider=provider, prefix=self._prefixes.get(provider, ""))

    def _learn(self, key: tuple[str, str]) -> Tariff | Cost:
        found = self._find(*key)
        known: Tariff | Cost = Tariff(found.prices, source=found.source)
        if not found.prices:
            known = Cost(nanos={}, incomplete=True, unpriced=True, reasons=(found.reason or "no price",))
            self._tell(key, known)
            known = self._instead or known
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = known
        return known

    def _tell(self, key: tuple[str, str], cost: Cost) -> None:
        if key not in self._told and len(self._told) < _REMEMBERED:
            self._told.add(key)
            _log.warning("cost unknown", extra={"provider": key[0], "model": key[1][:200], "reason": "; ".join(cost.reasons)})


def _stated(cost: Cost) -> Cost:
    """By the price that stands in for one that is missing."""
    return msgspec.structs.replace(cost, incomplete=True, reasons=(*cost.reasons, INSTEAD), source="budgets.unpriced")


def _pico(of_thousand: Cost, kind: Kind) -> int | None:
    """The price of one, from the cost of a thousand in nano-USD."""
    return None if of_thousand.unpriced else of_thousand.nanos.get(kind, 0)


def _can(facts: Facts) -> int:
    can = (VISION if "image" in facts.input else 0) | (AUDIO if "audio" in facts.input else 0) | (PDF if "pdf" in facts.input else 0)
    return can | (TOOLS if facts.tools else 0) | (REASONING if facts.reasoning else 0)


def _cannot(facts: Facts) -> int:
    """A model that sees may be given the pages of a PDF, whatever its list says (OpenAI docs "File inputs")."""
    cannot = (TOOLS if facts.tools is False else 0) | (REASONING if facts.reasoning is False else 0)
    if facts.more or facts == Facts():
        return cannot
    cannot |= 0 if "image" in facts.input else VISION
    cannot |= 0 if "audio" in facts.input else AUDIO
    return cannot | (0 if "image" in facts.input or "pdf" in facts.input else PDF)
