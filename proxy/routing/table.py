"""From a model's name to its route.

A name with `/` is: an exact entry, else `provider/model` of a configured provider, else looked up by name. With a `models:` table
an unlisted name is unknown; without one the name itself says which provider is meant, else the first configured one serves it.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from proxy.core.errors import BadRequest, ModelNotFound
from proxy.routing.candidate import Candidate
from proxy.routing.retry_budget import RetryBudgets
from proxy.routing.rules import RetryRules, RouteRules
from proxy.routing.strategies import NEEDS, STRATEGIES, TOKENS, Kind
from proxy.routing.strategy import Strategy
from proxy.routing.target import Decision, Route, RouteTimeouts, Target
from proxy.settings.routing import strategy_name

_BY_NAME: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("openai", ("gpt", "openai", "o1", "o3", "o4", "chatgpt", "text-embedding", "davinci")),
    ("anthropic", ("claude", "anthropic")),
    ("gemini", ("gemini",)),
    ("echo", ("echo",)),
)
"""Provider kind → what its models' names contain (or, for the short ones, begin with)."""

_BEDROCK_ID = re.compile(
    r"arn:aws[a-z-]*:bedrock:"
    r"|(?:[a-z]+(?:-gov)?\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen"
    r"|stability|twelvelabs|writer|zai)\.[a-z0-9]"
)
"""Vendor, a dot, and the model, perhaps behind a region; or an ARN. Source: Bedrock user guide, "Supported foundation models", read
2026-11-25. An id of a vendor that is not listed goes where `bedrock/<id>` or a `models:` table says."""

_CACHE_MAX = 4096
MAX_NAME_CHARS = 2048
"""Bedrock's longest ids; names are remembered here and there, so that many long ones would fill the memory."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the `models:` table. A target with an empty model serves the name that was asked for."""

    name: str
    strategy: str = "failover"
    targets: tuple[Target, ...]
    timeouts: RouteTimeouts = RouteTimeouts()
    rules: RouteRules = RouteRules()


Weights = Mapping[str, Mapping[str, float]]
"""By entry and target id; for a target that serves the name asked for, the id is `provider/*`."""


class RouteTable:
    """Immutable once built, but for weights that are laid over; resolving is a dictionary look-up for every name seen before."""

    def __init__(
        self,
        entries: Sequence[ModelEntry],
        providers: Mapping[str, str],
        *,
        retry: RetryRules | None = None,
        timeouts: Mapping[str, RouteTimeouts] | None = None,
        candidate: Callable[[Target], Candidate] = Candidate,
        strategies: Mapping[str, Kind] = STRATEGIES,
        budgets: RetryBudgets | None = None,
    ) -> None:
        """`providers`: name → kind, in configured order; `timeouts`: by provider, for names that no entry lists. `candidate`: adds to a
        target what is known of it."""
        self.strategies = strategies
        self._choosers: dict[tuple[str, str], Strategy] = {}
        self._providers = dict(providers)
        self._unlisted = RouteRules(retry=retry or RetryRules())
        self._candidate = candidate
        self._budgets = budgets or RetryBudgets()
        self._timeouts = dict(timeouts or {})
        self._exact = {e.name: e for e in entries if not _is_pattern(e.name)}
        self._patterns = sorted((e for e in entries if _is_pattern(e.name)), key=lambda e: -len(e.name.rstrip("*")))
        self._has_table = bool(entries)
        self._weights: Weights = {}
        self._seen: dict[str, Route] = {}

    def reweigh(self, weights: Weights) -> None:
        """Stand for the configured weights from now on, as far as they name targets of an entry. Requests under way keep their route."""
        if weights != self._weights:
            self._weights, self._seen = weights, {}

    def entries(self) -> list[ModelEntry]:
        """As configured."""
        return [*self._exact.values(), *self._patterns]

    def names(self) -> list[str]:
        """Model names that clients may list: the table's without patterns."""
        return list(self._exact)

    def patterns(self) -> list[str]:
        return [e.name for e in self._patterns]

    def known(self, name: str) -> bool:
        """Whether a name is configured (bounded label sets, contract O)."""
        return name in self._exact

    def resolve(self, name: str) -> Route:
        """Raises ModelNotFound with the nearest names."""
        route = self._seen.get(name)
        if route is None:
            route = self._resolve(name)
            if len(self._seen) >= _CACHE_MAX:
                self._seen.clear()
            self._seen[name] = route
        return route

    def by_strategy(self, route: Route, name: str) -> Route:
        """The same entry by another strategy. Raises BadRequest with the nearest names."""
        meant = strategy_name(name)
        if meant not in self.strategies:
            near = difflib.get_close_matches(str(meant), list(self.strategies), n=2, cutoff=0.5)
            hint = f" Nearest: {', '.join(near)}." if near else ""
            raise BadRequest(f"no strategy '{name[:100]}': known are {', '.join(self.strategies)}.{hint}", code="unknown_strategy")
        chooser, wants = self._chooser(route.name, meant, route.rules, route.targets)
        digest = hashlib.sha256(msgspec.json.encode((route.digest, meant))).hexdigest()
        return msgspec.structs.replace(route, strategy=meant, chooser=chooser, wants=wants, digest=digest)

    def _chooser(self, entry: str, strategy: str, rules: RouteRules, candidates: Sequence[Candidate]) -> tuple[Strategy, int]:
        """With what it and the filters want to know of a request."""
        kind = self.strategies[strategy]
        chooser = self._choosers.get((entry, strategy))
        if chooser is None:
            chooser = self._choosers[entry, strategy] = kind.make(entry, rules)
        wants = kind.wants(rules)
        wants |= TOKENS if any(candidate.facts.context_tokens is not None for candidate in candidates) else 0
        wants |= NEEDS if any(candidate.facts.cannot for candidate in candidates) else 0
        return chooser, wants

    def _resolve(self, name: str) -> Route:
        if "://" in name:
            raise BadRequest("model must be a model's name, not a URL", param="model")
        if len(name) > MAX_NAME_CHARS:
            raise BadRequest(f"model is a name of more than {MAX_NAME_CHARS} characters", param="model")
        entry = self._exact.get(name)
        if entry is not None:
            return self._route(entry, name)
        provider, slash, model = name.partition("/")
        if slash and model and provider in self._providers:
            return self._single(provider, model, name=f"{provider}/*")
        for entry in self._patterns:
            if fnmatchcase(name, entry.name):
                return self._route(entry, name)
        if self._has_table:
            raise self._unknown(name)
        return self._by_name(name)

    def _by_name(self, name: str) -> Route:
        lowered = name.lower()
        if _BEDROCK_ID.match(lowered):
            for provider, provider_kind in self._providers.items():
                if provider_kind == "bedrock":
                    return self._single(provider, name, name=f"{provider}/*")
        for kind, words in _BY_NAME:
            if any(lowered.startswith(w) or (len(w) > 2 and w in lowered) for w in words):
                for provider, provider_kind in self._providers.items():
                    if provider_kind == kind:
                        return self._single(provider, name, name=f"{provider}/*")
        first = next(iter(self._providers), None)
        if first is None:
            raise self._unknown(name)
        warning = f"no provider is known for this model's name; sent to the first configured one, {first}"
        return self._single(first, name, name=f"{first}/*", warning=warning)

    def _single(self, provider: str, model: str, *, name: str, warning: str | None = None) -> Route:
        entry = ModelEntry(
            name=name,
            strategy="model",
            targets=(Target(provider, model),),
            rules=self._unlisted,
            timeouts=self._timeouts.get(provider, RouteTimeouts()),
        )
        return self._route(entry, model, warning)

    def _route(self, entry: ModelEntry, asked: str, warning: str | None = None) -> Route:
        targets = tuple(t if t.model else msgspec.structs.replace(t, model=asked) for t in entry.targets)
        weighed = zip(targets, effective_weights(entry, self._weights.get(entry.name)), strict=True)
        candidates = tuple(self._candidate(t if t.weight == w else msgspec.structs.replace(t, weight=w)) for t, w in weighed)
        chooser, wants = self._chooser(entry.name, entry.strategy, entry.rules, candidates)
        return Route(
            name=entry.name,
            chooser=chooser,
            wants=wants,
            strategy=entry.strategy,
            targets=candidates,
            timeouts=entry.timeouts,
            digest=hashlib.sha256(msgspec.json.encode(_digested(entry, targets))).hexdigest(),
            rules=entry.rules,
            content_within_s=_content_within_s(entry),
            falls_back=entry.rules.falls_back,
            budget=self._budgets.of(entry.name),
            settled=Decision(candidates, "the only target") if len(candidates) == 1 else None,
            warning=warning,
        )

    def _unknown(self, name: str) -> ModelNotFound:
        near = difflib.get_close_matches(name, [*self._exact, *self.patterns()], n=3, cutoff=0.5) or list(self._exact)[:3]
        hint = f" Nearest: {', '.join(near)}." if near else ""
        shown = name if len(name) <= 100 else name[:100] + "…"
        return ModelNotFound(f"The model '{shown}' does not exist here.{hint}", param="model")


def overlay_id(target: Target) -> str:
    """By which a configured target is meant."""
    return target.id if target.model else f"{target.provider}/*"


def effective_weights(entry: ModelEntry, laid_over: Mapping[str, float] | None) -> tuple[float, ...]:
    """Of the entry's targets. Weights that would leave no share to any target count for nothing."""
    configured = tuple(t.weight for t in entry.targets)
    if not laid_over:
        return configured
    weights = tuple(laid_over.get(overlay_id(t), t.weight) for t in entry.targets)
    return weights if any(weights) else configured


def _content_within_s(entry: ModelEntry) -> float | None:
    return min((s for s in (entry.timeouts.first_token_s, entry.rules.retry.per_try_s) if s is not None), default=None)


def _digested(entry: ModelEntry, targets: tuple[Target, ...]) -> tuple[object, ...]:
    """What decides who may answer: fallbacks too, whose answers are kept under the name that was asked for."""
    rules = entry.rules
    targets = tuple(msgspec.structs.replace(t, gate=None) if t.gate is not None else t for t in targets)
    if not rules.falls_back:
        return entry.strategy, targets
    return entry.strategy, targets, rules.fallbacks, rules.context_window_fallbacks, rules.content_policy_fallbacks


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name
