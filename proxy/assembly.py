"""From settings to the parts of a pipeline: what a reload builds anew."""

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import msgspec

from proxy.cache.flight import Flights
from proxy.cache.policy import CacheRules
from proxy.cache.tiered import TieredCache
from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.helped import EVERYTHING, INLINE_ONLY, Fetchable
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_completions import OpenAICompletionsCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.clock import Clock
from proxy.core.entities import Limits
from proxy.core.lifecycle import Lifecycle
from proxy.core.pricing import Price, Tariff, pico_usd
from proxy.core.tasks import TaskSupervisor
from proxy.governance.budgets.alerts import Alerts
from proxy.governance.budgets.alerts import Meter as Telling
from proxy.governance.budgets.policy import BudgetRules, Budgets, usd_nanos
from proxy.governance.budgets.policy import Meter as Spending
from proxy.governance.budgets.webhook import Webhook
from proxy.governance.limits.estimates import Averages
from proxy.governance.limits.limiter import Limiter, Meter
from proxy.governance.limits.policy import BudgetPolicy, EntityRules
from proxy.governance.limits.rules import RuleBook
from proxy.governance.metering.ledger import UsageLedger
from proxy.pipeline.background import Background
from proxy.pipeline.charge import Charges
from proxy.pipeline.deps import Pipeline, PipelineMeter, ResponseRules
from proxy.pipeline.health_report import Counting, HealthReport
from proxy.pipeline.inline_media import Fetcher, FetchRules
from proxy.pipeline.quoting import Quotes
from proxy.pipeline.semantic import build_semantic
from proxy.pipeline.shadow_budget import ShadowBudget
from proxy.providers.base import Provider
from proxy.providers.catalog import Catalog, load_catalog
from proxy.routing import own
from proxy.routing.candidate import Candidate, ModelFacts
from proxy.routing.configured import budget_rules, key_bounds, retry_rules, rules_of, target_of
from proxy.routing.health import HealthBook
from proxy.routing.hedge import HedgeBook
from proxy.routing.key_rooms import KeyRooms
from proxy.routing.retry_budget import RetryBudgets
from proxy.routing.sharing import Sharing
from proxy.routing.strategies import OWN, STRATEGIES, Kind
from proxy.routing.strategy import Strategy
from proxy.routing.table import ModelEntry, RouteTable
from proxy.routing.target import RouteTimeouts, Target
from proxy.settings import Problem, Settings, SettingsError, TimeoutSettings
from proxy.settings.errors import dotted
from proxy.settings.limits import LimitSet
from proxy.storage.hot.admission import AdmissionStore
from proxy.storage.hot.board import Board, LocalBoard
from proxy.storage.responses import ResponseRecords
from proxy.storage.usage import UsageRecords
from proxy.transport.http1 import Http1Transport
from proxy.transport.tls import system_context
from proxy.transport.url_fetch import UrlFetcher

MIB = 1024 * 1024
UNBOUNDED_S = 86_400.0
"""What an unset total time-out means: a day bounds a forgotten stream."""


def make_rules(
    settings: Settings, store: AdmissionStore[Any], clock: Clock, plans: EntityRules | None = None, budgets: BudgetPolicy | None = None
) -> RuleBook:
    s = settings.limits
    return RuleBook(
        store,
        clock,
        default=s.default.limits(),
        gateway=s.gateway.limits(),
        models=_limits(s.models),
        agents=_limits(s.agents),
        plans=plans,
        budgets=budgets,
        limited=s.enabled,
    )


def make_limiter(
    settings: Settings,
    store: AdmissionStore[Any],
    clock: Clock,
    rng: Random,
    meter: Meter,
    averages: Averages,
    plans: EntityRules | None = None,
    budgets: BudgetPolicy | None = None,
) -> Limiter:
    book, wait_s = make_rules(settings, store, clock, plans, budgets), settings.limits.wait_s
    return Limiter(book, store, unix=clock.time, rng=rng, meter=meter, plans=plans, budgets=budgets, wait_s=wait_s, averages=averages)


def budget_rules_of(settings: Settings) -> BudgetRules:
    s = settings.budgets
    return BudgetRules(default_monthly=usd_nanos(s.default_monthly_usd), warn_at=s.warn_at, on_shortfall=s.on_shortfall)


def make_budgets(
    settings: Settings,
    pipeline: Pipeline,
    records: UsageRecords,
    ledger: UsageLedger | None,
    meter: Spending,
    alerts: Alerts,
    plans: EntityRules | None = None,
) -> Budgets:
    return Budgets(
        budget_rules_of(settings),
        Quotes(pipeline.routes, pipeline.charges, pipeline.providers),
        records=records if ledger is not None else None,
        catch_up=ledger.catch_up if ledger is not None else None,
        alerts=alerts,
        plans=plans,
        meter=meter,
    )


def open_alerts(
    settings: Settings, clock: Clock, meter: Telling, tasks: TaskSupervisor, closers: list[Callable[[], Awaitable[None]]]
) -> Alerts:
    """What was said is remembered as long as the process lives. Where it is told is read at the start."""
    s = settings.budgets
    hook = None
    if s.webhook_url is not None and s.webhook_secret is not None:
        transport = Http1Transport(tls=system_context())
        closers.append(transport.aclose)
        hook = Webhook(
            s.webhook_url.get_secret_value(), s.webhook_secret.get_secret_value(), transport=transport, tasks=tasks, unix=clock.time
        )
    return Alerts(unix=clock.time, meter=meter, hook=hook)


def _limits(sets: Mapping[str, LimitSet]) -> dict[str, Limits]:
    return {name: limits for name, found in sets.items() if (limits := found.limits()) is not None}


def make_codecs(clock: Clock) -> dict[str, Codec]:
    codecs: tuple[Codec, ...] = (
        OpenAIChatCodec(now=clock.time),
        AnthropicMessagesCodec(),
        BedrockConverseCodec(),
        BedrockInvokeCodec(),
        GeminiGenerateCodec(),
        OpenAICompletionsCodec(now=clock.time),
        OpenAIResponsesCodec(now=clock.time),
    )
    return {codec.name: codec for codec in codecs}


def build_pipeline(
    settings: Settings,
    *,
    codecs: Mapping[str, Codec],
    providers: Mapping[str, Provider],
    cache: TieredCache,
    flights: Flights,
    health: HealthBook,
    meter: PipelineMeter,
    clock: Clock,
    rng: Random,
    tasks: TaskSupervisor,
    lifecycle: Lifecycle,
    strategies: Mapping[str, Strategy] | None = None,
    responses: ResponseRecords | None = None,
    fetcher: Fetcher | None = None,
    background: Background | None = None,
    old: Pipeline | None = None,
    board: Board | None = None,
) -> Pipeline:
    """`fetcher`: for URLs in requests; None: none are fetched. `old`: of the configuration before: what it has learnt and spent is kept.
    `board`: what processes share; None: nothing is shared."""
    charges = build_charges(settings, providers)
    budgets = old.budgets if old is not None and old.budgets.rules == budget_rules(settings) else RetryBudgets(budget_rules(settings))
    routes = build_routes(settings, providers, health, charges, kinds_of(settings, strategies or {}), budgets, at=clock.time())
    return Pipeline(
        codecs=codecs,
        routes=routes,
        providers=providers,
        charges=charges,
        cache=cache,
        cache_rules=_cache_rules(settings),
        cache_scope=settings.cache.scope,
        flights=flights,
        budgets=budgets,
        health=health,
        hedges=old.hedges if old is not None else HedgeBook(),
        meter=meter,
        clock=clock,
        rng=rng,
        tasks=tasks,
        lifecycle=lifecycle,
        background=background,
        shadow_budget=old.shadow_budget if old is not None else ShadowBudget(),
        revalidating=old.revalidating if old is not None else set(),
        semantic=build_semantic(settings, providers, cache.hot, old.semantic if old is not None else None),
        board=board or LocalBoard(clock),
        fetch=_fetch_rules(settings, providers, fetcher),
        body_metadata=settings.server.body_metadata,
        max_response_bytes=int(settings.server.max_response_mb * MIB),
        keepalive_after_s=settings.server.keepalive_after_s,
        responses=responses,
        response_rules=ResponseRules(
            keep=settings.responses.keep, ttl_s=settings.responses.ttl_s, max_bytes=settings.responses.max_kb * 1024
        ),
    )


def _cache_rules(settings: Settings) -> CacheRules:
    cache = settings.cache
    fresh_s = None
    if cache.stale_s:
        fresh_s = cache.l1.ttl_s if settings.l2_url is None else cache.l2.ttl_s
    return CacheRules(enabled=cache.enabled, when=cache.when, store_tool_calls=cache.tool_calls, fresh_s=fresh_s)


def open_health(board: Board, clock: Clock, metrics: Counting, closers: list[Callable[[], Awaitable[None]]]) -> HealthBook:
    """Empty; what it learns is logged, counted, and shared with the processes that have the board. Its rules come with `configure`."""
    book = HealthBook()
    book.listeners.append(HealthReport(metrics))
    sharing = Sharing(book, board, clock)
    sharing.open()
    closers.append(sharing.close)
    return book


def build_charges(settings: Settings, providers: Mapping[str, Provider]) -> Charges:
    """The catalogue's files are read (12 ms) unless nothing can cost anything."""
    kinds = {name: settings.providers[name].kind if name in settings.providers else p.kind for name, p in providers.items()}
    prefixes = {name: p.model_prefix for name, p in providers.items() if p.model_prefix}
    catalog = Catalog(()) if all(p.free for p in providers.values()) else load_catalog(settings.prices)
    return Charges(catalog, kinds, prefixes, instead=_unpriced(settings))


def _unpriced(settings: Settings) -> Tariff | None:
    stated = settings.budgets.unpriced
    if stated is None:
        return None
    prices = (Price(meter="input", pico_usd=pico_usd(stated.input)), Price(meter="output", pico_usd=pico_usd(stated.output)))
    return Tariff(prices, source="budgets.unpriced")


def make_fetcher(settings: Settings) -> UrlFetcher:
    fetch = settings.fetch
    return UrlFetcher(
        tls=system_context(),
        max_bytes=int(fetch.max_mb * MIB),
        timeout_s=fetch.timeout_s,
        ports=fetch.port_numbers,
        allowed=fetch.allowed,
    )


def _fetch_rules(settings: Settings, providers: Mapping[str, Provider], fetcher: Fetcher | None) -> FetchRules | None:
    """Own providers of a library user are fetched for by their dialect."""
    if fetcher is None or not settings.fetch.enabled:
        return None
    wants: dict[str, frozenset[Fetchable]] = {}
    for name, provider in providers.items():
        how = settings.providers[name].fetch_urls if name in settings.providers else "auto"
        kinds = EVERYTHING if how == "always" else INLINE_ONLY.get(provider.dialect)
        if kinds and how != "never":
            wants[name] = kinds
    return FetchRules(fetcher=fetcher, max_urls=settings.fetch.max_urls, wants=wants) if wants else None


def kinds_of(settings: Settings, given: Mapping[str, Strategy]) -> dict[str, Kind]:
    """The table, with `given` strategies before it by name, and those of other packages that the configuration names. Raises
    SettingsError."""
    kinds = {**STRATEGIES, **{name: own.own(strategy) for name, strategy in given.items()}}
    kinds |= {f"{OWN}{name}": own.own(strategy) for name, strategy in given.items() if name not in STRATEGIES}
    for path, name in own.named(settings).items():
        if name not in kinds:
            try:
                kinds[name] = own.load(name.removeprefix(OWN))
            except own.OwnStrategyUnusable as exc:
                raise SettingsError(Problem(str(exc), dotted(path), settings.origin(path))) from exc
    return kinds


def build_routes(
    settings: Settings,
    providers: Mapping[str, Provider],
    health: HealthBook,
    charges: Charges | None = None,
    strategies: Mapping[str, Kind] = STRATEGIES,
    budgets: RetryBudgets | None = None,
    *,
    at: float = 0.0,
) -> RouteTable:
    """`charges`: what is known of models; None: nothing is. `at`: whose prices hold, Unix seconds. Targets of providers whose kind has no
    adapter are left out; an entry without any target left is left out, too."""
    entries = []
    for name, model in settings.models.items():
        targets = tuple(target_of(t) for t in model.targets if t.provider in providers)
        if targets:
            first = settings.providers[targets[0].provider]
            entries.append(
                ModelEntry(
                    name=name,
                    strategy=settings.strategy_of(model),
                    targets=targets,
                    timeouts=_timeouts(settings.timeouts_of(model, first)),
                    rules=rules_of(settings, model),
                )
            )
    kinds = {name: p.kind for name, p in settings.providers.items() if name in providers}
    keys = {name: _key_rooms(settings, provider, health) for name, provider in providers.items()}
    return RouteTable(
        entries,
        {name: "openai" if kind == "azure" else kind for name, kind in kinds.items()},
        retry=retry_rules(settings.routing.retries),
        timeouts={name: _timeouts(settings.timeouts_of(None, settings.providers[name])) for name in kinds},
        candidate=lambda target: Candidate(
            target,
            _model_facts(charges, providers[target.provider], target, at),
            health.stats(target.id),
            health.gate(target.id, target.gate, keys.get(target.provider)),
        ),
        strategies=strategies,
        budgets=budgets,
    )


def _key_rooms(settings: Settings, provider: Provider, health: HealthBook) -> KeyRooms | None:
    """Own providers of a library user have no settings."""
    own = settings.providers.get(provider.name)
    return health.keys(provider.name, None if own is None else key_bounds(own), [key.fingerprint for key in provider.keys.members])


def _model_facts(charges: Charges | None, provider: Provider, target: Target, at: float) -> ModelFacts | None:
    facts = charges.model_facts(target.provider, target.model, at) if charges is not None else None
    if facts is not None and provider.free:
        return msgspec.structs.replace(facts, input_pico_usd=0, output_pico_usd=0)
    return facts


def _timeouts(t: TimeoutSettings) -> RouteTimeouts:
    return RouteTimeouts(
        connect_s=t.connect_s, first_token_s=t.first_token_s, between_chunks_s=t.between_chunks_s, total_s=t.total_s or UNBOUNDED_S
    )
