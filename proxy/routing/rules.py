"""What a model's entry says beyond its targets: plain records, made from the settings once."""

from typing import Literal

import msgspec

FallbackList = Literal["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"]
"""What a model's entry names other entries by."""


class RetryRules(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts`: tries on the wire over all targets. Seconds; `per_try_s` None: only the request's deadline bounds a try."""

    attempts: int = 3
    backoff_base_s: float = 0.1
    backoff_max_s: float = 10.0
    per_try_s: float | None = None


class HybridWeights(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of a score; only their proportion counts."""

    cost: float = 0.4
    latency: float = 0.4
    reliability: float = 0.2


class HedgeRules(msgspec.Struct, frozen=True, kw_only=True):
    """`after_s` None: the p95 of the first target's time to first token. `share`: hedges may be at most so many of all requests."""

    after_s: float | None = None
    share: float = 0.05
    streams_only: bool = True
    bill: Literal["caller", "gateway"] = "caller"


class ShadowRules(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of `share` of the requests goes to the entry `model`, for `budget_nanos` nano-USD in all; None: unbounded. More than
    `concurrency` at the same time are not made."""

    model: str
    share: float = 1.0
    budget_nanos: int | None = None
    concurrency: int = 128


class ContentRule(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions that are given must hold; then the targets with these ids come first."""

    targets: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    """Any of them, as whole words, whatever their case."""
    prompt_tokens_over: int | None = None
    prompt_tokens_under: int | None = None
    needs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class RouteRules(msgspec.Struct, frozen=True, kw_only=True):
    retry: RetryRules = RetryRules()
    sticky: str | None = None
    """`key`, `user`, or `header:NAME`."""
    hybrid: HybridWeights = HybridWeights()
    quality_floor: float | None = None
    content: tuple[ContentRule, ...] = ()
    fallbacks: tuple[str, ...] = ()
    """Other entries, tried after the own targets."""
    context_window_fallbacks: tuple[str, ...] = ()
    content_policy_fallbacks: tuple[str, ...] = ()
    hedge: HedgeRules | None = None
    shadow: ShadowRules | None = None
    continue_streams: bool = False
    semantic_threshold: float | None = None
    """None: the cache's; 0: never."""

    @property
    def falls_back(self) -> bool:
        """Whether any list names other entries."""
        return bool(self.fallbacks or self.context_window_fallbacks or self.content_policy_fallbacks)
