"""From the settings of a model's entry to the records that routing works with."""

from proxy.core.money import NANOS_PER_USD
from proxy.routing.breaker import BreakerRules
from proxy.routing.gate import GateRules
from proxy.routing.health import HealthRules
from proxy.routing.retry_budget import BudgetRules
from proxy.routing.room import Bounds
from proxy.routing.rules import ContentRule, HedgeRules, HybridWeights, RetryRules, RouteRules, ShadowRules
from proxy.routing.target import Target
from proxy.settings import ModelSettings, ProviderSettings, RetrySettings, Settings, TargetSettings
from proxy.settings.models import ContentRuleSettings, HedgeSettings, ShadowSettings


def target_of(t: TargetSettings) -> Target:
    """An empty model serves the name that was asked for."""
    return Target(t.provider, t.model or "", t.weight, t.priority, t.quality, t.region, t.tags, _gate(t))


def _gate(t: TargetSettings) -> GateRules | None:
    """A queue alone is one for the provider's keys."""
    if t.concurrency is None and t.rpm is None and not t.queue:
        return None
    return GateRules(concurrency=t.concurrency, rpm=t.rpm, queue=t.queue, queue_wait_s=t.queue_wait_s)


def key_bounds(provider: ProviderSettings) -> Bounds | None:
    limits = provider.key_limits
    bounds = None if limits is None else Bounds(concurrency=limits.concurrency, rpm=limits.rpm)
    return bounds if bounds is not None and bounds.bind else None


def retry_rules(r: RetrySettings) -> RetryRules:
    return RetryRules(attempts=r.attempts, backoff_base_s=r.backoff_base_s, backoff_max_s=r.backoff_max_s, per_try_s=r.per_try_s)


def health_rules(settings: Settings) -> HealthRules:
    routing, breaker = settings.routing, settings.routing.breaker
    return HealthRules(
        breaker=BreakerRules(enabled=breaker.enabled, threshold=breaker.threshold, open_s=breaker.open_s, successes=breaker.successes),
        slow_start_s=routing.slow_start_s,
        quota_reserve=routing.quota_reserve,
    )


def budget_rules(settings: Settings) -> BudgetRules:
    b = settings.routing.retry_budget
    return BudgetRules(share=b.share, floor_per_s=b.floor_per_s, window_s=b.window_s)


def rules_of(settings: Settings, model: ModelSettings) -> RouteRules:
    hybrid = model.hybrid or settings.routing.hybrid
    return RouteRules(
        retry=retry_rules(settings.retries_of(model)),
        sticky=model.sticky or settings.routing.sticky,
        hybrid=HybridWeights(cost=hybrid.cost, latency=hybrid.latency, reliability=hybrid.reliability),
        quality_floor=model.quality_floor,
        content=tuple(_content(rule) for rule in model.rules),
        fallbacks=model.fallbacks,
        context_window_fallbacks=model.context_window_fallbacks,
        content_policy_fallbacks=model.content_policy_fallbacks,
        hedge=_hedge(model.hedge),
        shadow=_shadow(model.shadow),
        continue_streams=model.continue_streams,
        semantic_threshold=model.semantic_threshold,
    )


def _content(rule: ContentRuleSettings) -> ContentRule:
    when = rule.when
    return ContentRule(
        targets=rule.targets,
        keywords=tuple(word.lower() for word in when.keywords),
        prompt_tokens_over=when.prompt_tokens_over,
        prompt_tokens_under=when.prompt_tokens_under,
        needs=when.needs,
        tags=when.tags,
        headers=tuple((name.lower(), value) for name, value in when.headers.items()),
    )


def _hedge(hedge: HedgeSettings | None) -> HedgeRules | None:
    if hedge is None or not hedge.enabled:
        return None
    return HedgeRules(after_s=hedge.after_s, share=hedge.share, streams_only=hedge.streams_only, bill=hedge.bill)


def _shadow(shadow: ShadowSettings | None) -> ShadowRules | None:
    if shadow is None:
        return None
    budget = shadow.budget_usd
    return ShadowRules(
        model=shadow.model,
        share=shadow.share,
        budget_nanos=None if budget is None else round(budget * NANOS_PER_USD),
        concurrency=shadow.concurrency,
    )
