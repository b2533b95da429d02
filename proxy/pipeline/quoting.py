"""What budgets are told of targets: prices, the model's limits, and who may answer for a name.

Remembered for the life of a configuration.
"""

from collections.abc import Mapping, Sequence

from proxy.core.errors import EdgeError
from proxy.core.priced import Priced
from proxy.pipeline.charge import Charges
from proxy.providers.base import Provider
from proxy.routing.rules import FallbackList
from proxy.routing.table import RouteTable

_LISTS: tuple[FallbackList, ...] = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
MAX_ENTRIES = 20
"""Reached by fallbacks, and by theirs."""
_REMEMBERED = 1024
_WRITTEN_WHEN_ASKED = frozenset({"anthropic", "bedrock"})
"""Kinds whose cache is written to only where the request says so."""


class Quotes:
    def __init__(self, routes: RouteTable, charges: Charges, providers: Mapping[str, Provider]) -> None:
        self._routes = routes
        self._charges = charges
        self._providers = providers
        self._priced: dict[tuple[str, str], Priced] = {}
        self._targets: dict[str, tuple[tuple[str, str, str], ...]] = {}

    def of(self, provider: str, model: str) -> Priced:
        found = self._priced.get((provider, model))
        if found is None:
            if len(self._priced) >= _REMEMBERED:
                self._priced.clear()
            found = self._priced[provider, model] = self._learn(provider, model)
        return found

    def targets(self, name: str) -> Sequence[tuple[str, str, str]]:
        found = self._targets.get(name)
        if found is None:
            if len(self._targets) >= _REMEMBERED:
                self._targets.clear()
            found = self._targets[name] = tuple(self._reached(name))
        return found

    def _learn(self, provider: str, model: str) -> Priced:
        at = self._providers.get(provider)
        facts = self._charges.facts(provider, model)
        tariff = self._charges.tariff(provider, model)
        written, free = at is None or at.kind not in _WRITTEN_WHEN_ASKED, at is not None and at.free
        return Priced(
            tariff=tariff,
            usual=None if tariff is None or free else tariff.always(written=written),
            instead=self._charges.instead,
            free=free,
            written_unasked=written,
            context_tokens=facts.context_tokens,
            max_output_tokens=facts.max_output_tokens,
            image_tokens=facts.image_tokens,
        )

    def _reached(self, name: str) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        names, been = [name], set[str]()
        while names and len(been) < MAX_ENTRIES:
            entry = names.pop(0)
            if entry in been:
                continue
            been.add(entry)
            try:
                route = self._routes.resolve(entry)
            except EdgeError:
                continue
            found += [(entry, target.provider, target.model) for target in route.targets]
            for which in _LISTS:
                names += getattr(route.rules, which)
        return found
