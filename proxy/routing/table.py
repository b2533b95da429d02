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
from proxy.routing.target import Decision, Route, RouteTimeouts, Target

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


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the `models:` table. A target with an empty model serves the name that was asked for."""

    name: str
    strategy: str = "failover"
    targets: tuple[Target, ...]
    timeouts: RouteTimeouts = RouteTimeouts()
    rules: RouteRules = RouteRules()


class RouteTable:
    """Immutable once built; resolving is a dictionary look-up for every name seen before."""

    def __init__(
        self,
        entries: Sequence[ModelEntry],
        providers: Mapping[str, str],
        *,
        retry: RetryRules | None = None,
        timeouts: Mapping[str, RouteTimeouts] | None = None,
        candidate: Callable[[Target], Candidate] = Candidate,
        budgets: RetryBudgets | None = None,
    ) -> None:
        """`providers`: name → kind, in configured order; `timeouts`: by provider, for names that no entry lists. `candidate`: adds to a
        target what is known of it."""
        self._providers = dict(providers)
        self._unlisted = RouteRules(retry=retry or RetryRules())
        self._candidate = candidate
        self._budgets = budgets or RetryBudgets()
        self._timeouts = dict(timeouts or {})
        self._exact = {e.name: e for e in entries if not _is_pattern(e.name)}
        self._patterns = sorted((e for e in entries if _is_pattern(e.name)), key=lambda e: -len(e.name.rstrip("*")))
        self._has_table = bool(entries)
        self._seen: dict[str, Route] = {}

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

    def _resolve(self, name: str) -> Route:
        if "://" in name:
            raise BadRequest("model must be a model's name, not a URL", param="model")
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
        candidates = tuple(self._candidate(target) for target in targets)
        return Route(
            name=entry.name,
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


def _content_within_s(entry: ModelEntry) -> float | None:
    return min((s for s in (entry.timeouts.first_token_s, entry.rules.retry.per_try_s) if s is not None), default=None)


def _digested(entry: ModelEntry, targets: tuple[Target, ...]) -> tuple[object, ...]:
    """What decides who may answer: fallbacks too, whose answers are kept under the name that was asked for."""
    rules = entry.rules
    if not rules.falls_back:
        return entry.strategy, targets
    return entry.strategy, targets, rules.fallbacks, rules.context_window_fallbacks, rules.content_policy_fallbacks


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name
