"""Composition root: from settings to an ASGI application.

`build_app(settings)` gives a `Gateway`: serve it, mount it under another application (with `lifespan=gateway.lifespan` on the outer
one, or `async with gateway.lifespan():` around it), or call it in process through `httpx2.ASGITransport`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from time import monotonic
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin.drift import summary
from proxy.admin.events import AdminEvents, LoggedEvents
from proxy.admin.handlers import admin_handlers
from proxy.admin.keeper import OverlayKeeper
from proxy.admin.reload import Reload
from proxy.admin.tenant_handlers import tenant_handlers
from proxy.api.handlers import admin_operations, client_handlers
from proxy.api.health import Health
from proxy.api.in_process import InProcess
from proxy.api.metrics import MetricsRoute
from proxy.api.routes import Router
from proxy.assembly import MIB, build_pipeline, make_budgets, make_codecs, make_fetcher, make_limiter, open_alerts, open_health
from proxy.cache.tiered import CacheStatus
from proxy.core.clock import Clock, SystemClock, utc_iso
from proxy.core.errors import EdgeError
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.governance.admission import InFlight
from proxy.governance.auth import Keys
from proxy.governance.bodies import ErrorBodies
from proxy.governance.budgets.alerts import Alerts
from proxy.governance.jwt.front import KeysAndTokens
from proxy.governance.jwt.open import local_user, open_tokens
from proxy.governance.key_notices import follow
from proxy.governance.keys import SignedKeys
from proxy.governance.limits.estimates import Averages
from proxy.governance.metering.ledger import written
from proxy.governance.shedding import Shedding
from proxy.governance.stack import StackOptions, govern
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.explaining import explain_now
from proxy.pipeline.health_report import HealthGauges
from proxy.pipeline.probing import Probes
from proxy.providers.base import Provider
from proxy.providers.litellm_bridge import loading
from proxy.providers.litellm_transport import LitellmUnusable
from proxy.providers.registry import build_providers
from proxy.routing.configured import health_rules
from proxy.routing.strategy import Strategy
from proxy.settings import Settings
from proxy.state import AppState, ConfigRefused, Prepared
from proxy.storage.open import open_overlays, open_responses
from proxy.storage.overlays_memory import MemoryOverlays
from proxy.storage.records import KeyRecords
from proxy.stores import (
    configure_admission,
    keep_last_used,
    open_admission,
    open_cache,
    open_flights,
    open_key_records,
    open_keyring,
    open_ledger,
    open_plan_book,
    open_repeats,
    open_shared,
    purge_responses,
    repeat_rules,
    retire,
    share_marks,
    with_plan_keys,
)
from proxy.telemetry.gauges import StoreSize, watch_gateway
from proxy.telemetry.hub import LocalHub, MetricsHub
from proxy.telemetry.logs import AccessLog
from proxy.telemetry.meter import RequestMeter
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.model_labels import ModelLabels


class Gateway:
    """An ASGI application. Its stores open with the lifespan; a request before that is refused with 503."""

    def __init__(
        self,
        settings: Settings,
        *,
        lifecycle: Lifecycle | None = None,
        metrics: Metrics | None = None,
        access_log: AccessLog | None = None,
        metrics_hub: MetricsHub | None = None,
        providers: Mapping[str, Provider] | None = None,
        strategies: Mapping[str, Strategy] | None = None,
        reload: Reload | None = None,
        admin_events: AdminEvents | None = None,
    ) -> None:
        """`providers`, `strategies`: your own, by the name that the configuration uses; they win over the built-in ones. `reload`: what
        `POST /v1/admin/config/reload` calls. `admin_events`: told of every change by the admin API; None: the log."""
        self.settings = settings
        self.lifecycle = lifecycle or Lifecycle()
        self.metrics = metrics or Metrics()
        self._access_log = access_log
        self._meter = RequestMeter(self.metrics, access_log)
        hub = metrics_hub or LocalHub(self.metrics)
        self._metrics_route = MetricsRoute(hub if settings.telemetry.metrics else None)
        self._own_providers = dict(providers or {})
        self._own_strategies = dict(strategies or {})
        self._log = logging.getLogger("llm_edge")
        self._open: AppState | None = None
        self._app: ASGIApp | None = None
        self._health: Health | None = None
        self._overlays = OverlayKeeper(MemoryOverlays())
        self._loaded_at = 0.0
        self._reload = reload
        self._admin_events = admin_events or LoggedEvents()
        self._reloading = asyncio.Lock()
        self._users: list[InFlight] = []
        """One a configuration since the start."""
        self._last_used: asyncio.Task[Any] | None = None
        self._signed: SignedKeys | None = None
        self._fresh_keys: asyncio.Task[Any] | None = None
        """Of the issuers of tokens."""
        self._deaf_keys: Callable[[], None] = lambda: None
        """Ends the notices to the keys in force."""
        self._shedding = Shedding(partial(getattr, self.metrics, "active"), self.metrics.shed)  # asked by each request: no frame of our own
        self._probes = Probes(lambda: self.state.pipeline, self.metrics)
        self._model_labels = ModelLabels()
        self._l2_size = StoreSize()
        self._output_averages = Averages()
        self._alerts = Alerts()
        self.metrics.known_models = self._model_labels
        watch_gateway(
            self.metrics,
            cache=self._cache_status,
            l2_size=self._l2_size,
            health=HealthGauges(lambda: self._open.pipeline if self._open is not None else None, self._model_labels, monotonic),
        )

    @property
    def state(self) -> AppState:
        """Raises RuntimeError outside the lifespan."""
        if self._open is None:
            raise RuntimeError("the gateway's lifespan has not been entered: serve it, or use `async with gateway.lifespan():`")
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A coroutine function: by that servers tell ASGI 3 from ASGI 2."""
        await self.handle(scope, receive, send)

    def handle(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """The same for a server that knows what it serves: a coroutine fewer a request."""
        if self._app is not None and scope["type"] == "http":
            return self._app(scope, receive, send)
        return self._other(scope, receive, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = b'{"error":{"message":"not started: enter the lifespan first","type":"server_error","code":"not_started"}}'
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    @asynccontextmanager
    async def lifespan(self, _outer: Any = None) -> AsyncIterator[None]:
        """Opens the stores, closes them at the end. Takes (and ignores) the outer application, so that it fits `Starlette(lifespan=…)`."""
        await self._start()
        try:
            yield
        finally:
            state, self._open, self._app = self.state, None, None
            self._meter.flush()
            await _close(state)

    async def prepare(self, settings: Settings) -> Prepared:
        """Everything of a new configuration that can fail; nothing changes yet. What is not committed is to be abandoned.

        Raises ConfigRefused."""
        base = self._open
        if base is None:
            raise ConfigRefused("the gateway is not running")
        try:
            providers = self._providers(settings, base)
            made = [p for name, p in providers.items() if name not in self._own_providers and p is not base.pipeline.providers.get(name)]
            pipeline = self._pipeline(settings, base.pipeline, providers)
            tokens = open_tokens(settings.auth, base.clock, base.tasks, base.tokens)
            state = msgspec.structs.replace(base, settings=settings, pipeline=pipeline, in_flight=InFlight(), tokens=tokens)
            keys, signed = await self._keys(state)
            if (waiting := loading(made)) is not None:
                await waiting
            return Prepared(base=base, state=state, app=self._stack(state, keys), signed=signed, made=made)
        except (ValueError, OSError, EdgeError) as exc:
            raise ConfigRefused(str(exc)) from exc

    def commit(self, prepared: Prepared) -> None:
        """Put it in force, at once and as a whole. Requests under way finish on the one they began with. Listening address, stores and
        workers need a restart. Raises ConfigRefused only when another configuration came into force since, or the gateway ended."""
        old = prepared.base
        if self._open is not old:
            raise ConfigRefused("another configuration came into force meanwhile")
        self._enforce(prepared.state, prepared.app, prepared.signed)
        self.metrics.config_loaded(self.settings.digest())
        staying = prepared.state.pipeline.providers.values()
        leaving = [p for name, p in old.pipeline.providers.items() if name not in self._own_providers and p not in staying]
        if leaving:
            old.tasks.start(retire(self._users[:-1], leaving), name="provider-retire")

    async def reload(self, settings: Settings) -> None:
        """`prepare` and `commit`: a new configuration is taken whole or not at all. Raises ConfigRefused, which has been counted and
        logged then."""
        async with self._reloading:
            try:
                self.commit(await self.prepare(settings))
            except ConfigRefused as exc:
                self.metrics.config_refused()
                self._log.error("configuration not reloaded, the old one stays in force", extra={"error": str(exc)})
                raise

    def stale_overlays(self, settings: Settings) -> list[str]:
        """A line for each overlay that would have no place in a configuration."""
        return [
            f"overlay without effect: {what} is not in the configuration" for what in summary(settings, self._overlays.overlays)["stale"]
        ]

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan protocol, by Starlette's own implementation of it."""
        inner = Starlette(routes=[Mount("/", app=self)], lifespan=self.lifespan)
        await inner({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    async def _start(self) -> None:
        self._users.clear()
        tasks = TaskSupervisor(on_failure=self._task_failed)
        clock = SystemClock()
        closers: list[Callable[[], Awaitable[None]]] = []
        try:
            self._alerts = open_alerts(self.settings, clock, self.metrics, tasks, closers)
            await self._open_with(clock, tasks, closers)
        except BaseException:
            await tasks.close()
            for closer in reversed(closers):
                await closer()
            raise

    async def _open_with(self, clock: Clock, tasks: TaskSupervisor, closers: list[Callable[[], Awaitable[None]]]) -> None:
        hot, board = await open_shared(self.settings, clock=clock, tasks=tasks, closers=closers)
        cache = await open_cache(
            self.settings, clock=clock, tasks=tasks, meter=self.metrics.cache, closers=closers, shared=hot, l2_size=self._l2_size
        )
        share_marks(cache.marks, board)
        records = open_key_records(self.settings, tasks, closers, self.lifecycle)
        responses = open_responses(self.settings.stores.records_url, records)
        closers.append(responses.aclose)
        tasks.start(purge_responses(responses, clock), name="responses-purge", endless=True)
        usage, ledger = open_ledger(self.settings, records, clock, tasks, closers, self.lifecycle.owe)
        await self._open_overlays(records, tasks, closers)
        plan_records, plans = open_plan_book(self.settings, records, board, clock, tasks, closers)
        pipeline = build_pipeline(
            self.settings,
            codecs=make_codecs(clock),
            providers=self._providers(self.settings, None),
            cache=cache,
            flights=open_flights(self.settings, cache, clock=clock, tasks=tasks, meter=self.metrics, closers=closers),
            health=open_health(board, clock, self.metrics, closers),
            meter=self.metrics,
            clock=clock,
            rng=Random(),  # noqa: S311 - jitter and choice among targets, nothing secret
            tasks=tasks,
            lifecycle=self.lifecycle,
            strategies=self._own_strategies,
            responses=responses,
            fetcher=make_fetcher(self.settings),
            background=InProcess(tasks),
            board=board,
        )
        state = AppState(
            settings=self.settings,
            pipeline=pipeline,
            records=records,
            clock=clock,
            metrics=self.metrics,
            access_log=self._access_log,
            lifecycle=self.lifecycle,
            tasks=tasks,
            in_flight=InFlight(),
            hot=hot,
            board=board,
            usage=usage,
            ledger=ledger,
            admission=await open_admission(self.settings, hot, board, clock=clock, tasks=tasks, closers=closers),
            repeats=open_repeats(hot, clock, tasks),
            closers=closers,
            plan_records=plan_records,
            plans=plans,
            tokens=open_tokens(self.settings.auth, clock, tasks),
        )
        self._health = Health(lambda: self.state.pipeline, self.lifecycle, clock, self._config_facts)
        keys, signed = await self._keys(state)
        self._enforce(state, self._stack(state, keys), signed)
        self.metrics.config_loaded(self.settings.digest(), reload=False)
        if (waiting := loading(pipeline.providers.values())) is not None:
            tasks.start(self._loaded(waiting, self.lifecycle.hold()), name="providers-load")
        tasks.start(self._shedding.watch(), name="load-watch", endless=True)
        self.lifecycle.mark_ready()

    async def _open_overlays(self, records: KeyRecords, tasks: TaskSupervisor, closers: list[Callable[[], Awaitable[None]]]) -> None:
        overlays = open_overlays(self.settings.stores.records_url, records)
        closers.append(overlays.aclose)
        self._overlays = OverlayKeeper(overlays)
        await self._overlays.try_refresh()
        tasks.start(self._overlays.keep(), name="overlays", endless=True)

    async def _loaded(self, waiting: Awaitable[None], release: Callable[[], None]) -> None:
        """Providers that take seconds to be there hold back readiness, neither the start nor requests to others."""
        try:
            await waiting
        except LitellmUnusable as exc:
            self._log.error("not ready: a provider cannot be used", extra={"error": str(exc)})
        else:
            release()

    def _enforce(self, state: AppState, app: ASGIApp, signed: SignedKeys | None) -> None:
        settings, providers = state.settings, state.pipeline.providers
        self.settings = settings
        self._overlays.attach(state.pipeline)
        self._loaded_at = state.clock.time()
        self._open, self._app, self._signed = state, app, signed
        own = state.pipeline.background
        if isinstance(own, InProcess):
            own.app = self._stack(state, own.keys)
        self._users.append(state.in_flight)
        if self._last_used is not None:
            self._last_used.cancel()
        self._last_used = state.tasks.start(keep_last_used(signed), name="keys-last-used", endless=True) if signed is not None else None
        if self._fresh_keys is not None:
            self._fresh_keys.cancel()
        self._fresh_keys = state.tasks.start(state.tokens.keep(), name="jwks", endless=True) if state.tokens is not None else None
        self._deaf_keys()
        self._deaf_keys = follow(state.board, signed) if signed is not None else lambda: None
        configure_admission(state.admission, settings)
        state.plans.ttl_s = settings.auth.key_cache_ttl_s
        state.pipeline.health.configure(health_rules(settings), monotonic())
        self._probes.restart(state.tasks, settings.routing.probes.every_s, settings.routing.probes.timeout_s)
        targets = {t.model for model in settings.models.values() for t in model.targets if t.model is not None}
        self._model_labels.configure(
            listed={*state.pipeline.routes.names(), *targets, *(name for p in providers.values() for name in p.models)},
            patterns=state.pipeline.routes.patterns(),
            providers=providers,
            open_names=not settings.models,
        )
        if not settings.auth.enabled:
            self._log.warning("authentication is off: every caller is an administrator")
        for line in settings.not_yet():
            self._log.warning(line)

    def _providers(self, settings: Settings, old: AppState | None) -> dict[str, Provider]:
        """In configured order. A provider with the settings that it had stays, unless they name a file, which may have changed."""
        have = old.pipeline.providers if old is not None else {}
        before = old.settings.providers if old is not None else {}
        same = {n: have[n] for n, s in settings.providers.items() if n in have and before.get(n) == s and s.ca_file is None}
        built = build_providers({n: s for n, s in settings.providers.items() if n not in same}, SystemClock())
        return {n: p for n in settings.providers if (p := same.get(n) or built.get(n)) is not None} | self._own_providers

    def _pipeline(self, settings: Settings, old: Pipeline, providers: Mapping[str, Provider]) -> Pipeline:
        return build_pipeline(
            settings,
            codecs=old.codecs,
            providers=providers,
            cache=old.cache,
            flights=old.flights,
            health=old.health,
            meter=old.meter,
            clock=old.clock,
            rng=old.rng,
            tasks=old.tasks,
            lifecycle=old.lifecycle,
            strategies=self._own_strategies,
            responses=old.responses,
            background=old.background,
            old=old,
            fetcher=make_fetcher(settings),
            board=old.board,
        )

    async def _keys(self, state: AppState) -> tuple[Keys | None, SignedKeys | None]:
        if not state.settings.auth.enabled:
            return None, None
        keys, signed = await open_keyring(state.settings, records=state.records, clock=state.clock)
        every = with_plan_keys(keys, state.plan_records, state.clock, state.board, state.settings)
        return every if state.tokens is None else KeysAndTokens(every, state.tokens), signed

    def _stack(self, state: AppState, keys: Keys | None) -> ASGIApp:
        s, router = state.settings, self._router(state)
        encoders = {name: codec.encode_error for name, codec in state.pipeline.codecs.items()}
        budgets = make_budgets(s, state.pipeline, state.usage, state.ledger, self.metrics, self._alerts, plans=state.plans)
        options = StackOptions(
            classify=router.classify,
            bodies=ErrorBodies(encoders),
            meter=self._meter,
            clock=state.clock,
            keys=keys,
            in_flight=state.in_flight,
            models_max=int(s.server.max_body_mb.models * MIB),
            admin_max=int(s.server.max_body_mb.admin * MIB),
            max_depth=s.server.max_json_depth,
            trusted_proxies=s.server.trusted_proxies,
            cors_origins=s.server.cors.origins,
            cors_max_age_s=s.server.cors.max_age_s,
            shedder=self._shedding.configured(s.server.shedding),
            limiter=make_limiter(
                s, state.admission, state.clock, state.pipeline.rng, self.metrics, self._output_averages, plans=state.plans, budgets=budgets
            ),
            ledger=state.ledger,
            tokens=state.tokens is not None,
            local_user=local_user(s.auth),
            plans=state.plans,
            repeats=state.repeats,
            repeat_rules=repeat_rules(s),
        )
        return govern(router, options)

    def _router(self, state: AppState) -> Router:
        health = self._health or Health(lambda: self.state.pipeline, self.lifecycle, state.clock, self._config_facts)
        return Router(
            {
                **client_handlers(state.pipeline, lambda: self.state.pipeline, state.usage, state.clock, written(state.ledger)),
                "health": health.health,
                "live": health.live,
                "ready": health.ready,
                "healthz": health.healthz,
                "readyz": health.readyz,
                "metrics": self._metrics_route,
                **admin_handlers(
                    settings=lambda: self.settings,
                    pipeline=lambda: self.state.pipeline,
                    loaded_at=lambda: self._loaded_at,
                    clock=state.clock,
                    overlays=self._overlays,
                    reload=self._reload,
                    explain=explain_now,
                    state=lambda: self.state,
                    signed=lambda: self._signed,
                ),
                **tenant_handlers(
                    settings=lambda: self.settings,
                    stores=(state.records, state.plan_records, state.usage),
                    written=written(state.ledger),
                    board=state.board,
                    clock=state.clock,
                    events=self._admin_events,
                    operations=admin_operations(),
                ),
            },
            health_needs_key=state.settings.auth.health_check,
        )

    def _config_facts(self) -> dict[str, Any]:
        facts = {"config_version": self.settings.digest(), "config_loaded_at": utc_iso(self._loaded_at)}
        return {**facts, "drift": summary(self.settings, self._overlays.overlays)}

    def _cache_status(self) -> CacheStatus | None:
        return self._open.pipeline.cache.status() if self._open is not None else None

    def _task_failed(self, name: str, exc: BaseException) -> None:
        self.metrics.task_failed(name)
        self._log.error("background task failed", extra={"task": name, "error": type(exc).__name__}, exc_info=exc)


def build_app(settings: Settings, **own: Any) -> Gateway:
    """The ASGI application for `settings`; keyword arguments as `Gateway`'s."""
    return Gateway(settings, **own)


async def _close(state: AppState) -> None:
    await state.tasks.close(grace_s=1.0)
    for provider in state.pipeline.providers.values():
        await provider.aclose()
    if state.pipeline.fetch is not None:
        await state.pipeline.fetch.fetcher.aclose()
    for closer in reversed(state.closers):
        await closer()
