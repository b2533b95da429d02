"""Composition root: from settings to an ASGI application.

`build_app(settings)` gives a `Gateway`: serve it, mount it under another application (with `lifespan=gateway.lifespan` on the outer
one, or `async with gateway.lifespan():` around it), or call it in process through `httpx2.ASGITransport`.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.api.generate import Generate
from proxy.api.health import Health
from proxy.api.metrics import MetricsRoute
from proxy.api.models import Models
from proxy.api.routes import Router
from proxy.assembly import MIB, build_pipeline, make_codecs
from proxy.cache.flight import Flights
from proxy.core.clock import SystemClock
from proxy.core.context import RequestContext
from proxy.core.cooldown import Cooldowns
from proxy.core.lifecycle import Lifecycle
from proxy.core.tasks import TaskSupervisor
from proxy.governance.admission import InFlight
from proxy.governance.auth import Keys
from proxy.governance.bodies import ErrorBodies
from proxy.governance.stack import StackOptions, govern
from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Provider
from proxy.providers.registry import build_providers
from proxy.routing.strategy import Strategy
from proxy.settings import Settings
from proxy.state import AppState
from proxy.storage.open import open_records
from proxy.storage.records import KeyRecords
from proxy.stores import open_cache, open_keyring
from proxy.telemetry.hub import LocalHub, MetricsHub
from proxy.telemetry.logs import AccessLog
from proxy.telemetry.metrics import Metrics


class RequestMeter:
    """The end of a request, for metrics and the access log."""

    def __init__(self, metrics: Metrics, access_log: AccessLog | None) -> None:
        self._metrics = metrics
        self._access_log = access_log
        self.request_started = metrics.request_started

    def request_done(self, ctx: RequestContext, seconds: float) -> None:
        self._metrics.request_done(ctx, seconds)
        if self._access_log is not None and ctx.route.family != "ops":
            self._access_log.write(ctx, seconds)


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
    ) -> None:
        """`providers`, `strategies`: your own, by the name that the configuration uses; they win over the built-in ones."""
        self.settings = settings
        self.lifecycle = lifecycle or Lifecycle()
        self.metrics = metrics or Metrics()
        self._access_log = access_log
        hub = metrics_hub or LocalHub(self.metrics)
        self._metrics_route = MetricsRoute(hub if settings.telemetry.metrics else None)
        self._own_providers = dict(providers or {})
        self._own_strategies = dict(strategies or {})
        self._log = logging.getLogger("llm_edge")
        self._open: AppState | None = None
        self._app: ASGIApp | None = None

    @property
    def state(self) -> AppState:
        """Raises RuntimeError outside the lifespan."""
        if self._open is None:
            raise RuntimeError("the gateway's lifespan has not been entered: serve it, or use `async with gateway.lifespan():`")
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = b'{"error":{"message":"the gateway has not started: enter its lifespan first","type":"server_error","code":"not_started"}}'
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    @asynccontextmanager
    async def lifespan(self, _outer: Any = None) -> AsyncIterator[None]:
        """Opens the stores, closes them at the end. Takes (and ignores) the outer application, so that it fits `Starlette(lifespan=…)`."""
        state = await self._start()
        try:
            yield
        finally:
            self._open = None
            self._app = None
            await _close(state)

    async def reload(self, settings: Settings) -> None:
        """Take a new configuration whole or not at all: what fails to build leaves the old one in force. Requests under way finish on
        the one they began with. Listening address, stores and workers need a restart."""
        old = self.state
        pipeline = self._pipeline(settings, old.pipeline)
        self.settings = settings
        self._open = msgspec.structs.replace(old, settings=settings, pipeline=pipeline)
        self._app = self._stack(self._open, await self._keys(settings, old))
        self.metrics.config_loaded(settings.digest())
        for name, provider in old.pipeline.providers.items():
            if name not in self._own_providers:
                old.tasks.start(_retire(old.in_flight, provider), name="provider-retire")
        self._announce(settings)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan protocol, by Starlette's own implementation of it."""
        inner = Starlette(routes=[Mount("/", app=self)], lifespan=self.lifespan)
        await inner({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    async def _start(self) -> AppState:
        tasks = TaskSupervisor(on_failure=self._task_failed)
        clock = SystemClock()
        closers: list[Callable[[], Awaitable[None]]] = []
        cache = await open_cache(self.settings, clock=clock, tasks=tasks, meter=self.metrics.cache, closers=closers)
        records: KeyRecords = open_records(self.settings.stores.records_url)
        closers.append(records.aclose)
        pipeline = build_pipeline(
            self.settings,
            codecs=make_codecs(clock),
            providers=self._providers(self.settings),
            cache=cache,
            flights=Flights(),
            cooldowns=Cooldowns(),
            meter=self.metrics,
            clock=clock,
            rng=Random(),  # noqa: S311 - jitter and choice among targets, nothing secret
            tasks=tasks,
            lifecycle=self.lifecycle,
            strategies=self._own_strategies,
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
            closers=closers,
        )
        self._open = state
        self._app = self._stack(state, await self._keys(self.settings, state))
        self.metrics.config_loaded(self.settings.digest(), reload=False)
        self._announce(self.settings)
        self.lifecycle.mark_ready()
        return state

    def _providers(self, settings: Settings) -> dict[str, Provider]:
        return {**build_providers(settings.providers, SystemClock()), **self._own_providers}

    def _pipeline(self, settings: Settings, old: Pipeline) -> Pipeline:
        return build_pipeline(
            settings,
            codecs=old.codecs,
            providers=self._providers(settings),
            cache=old.cache,
            flights=old.flights,
            cooldowns=old.cooldowns,
            meter=old.meter,
            clock=old.clock,
            rng=old.rng,
            tasks=old.tasks,
            lifecycle=old.lifecycle,
            strategies=self._own_strategies,
        )

    async def _keys(self, settings: Settings, state: AppState) -> Keys | None:
        if not settings.auth.enabled:
            self._log.warning("authentication is off: every caller is an administrator")
            return None
        return await open_keyring(settings, records=state.records, clock=state.clock, tasks=state.tasks)

    def _stack(self, state: AppState, keys: Keys | None) -> ASGIApp:
        s = state.settings
        health = Health(lambda: self.state.pipeline, self.lifecycle, state.clock, lambda: self.settings.digest())
        models = Models(lambda: self.state.pipeline)
        router = Router(
            {
                "generate": Generate(lambda: self.state.pipeline),
                "models": models.list,
                "model": models.get,
                "health": health.health,
                "live": health.live,
                "ready": health.ready,
                "healthz": health.healthz,
                "readyz": health.readyz,
                "metrics": self._metrics_route,
            },
            health_needs_key=s.auth.health_check,
        )
        encoders = {name: codec.encode_error for name, codec in state.pipeline.codecs.items()}
        options = StackOptions(
            classify=router.classify,
            bodies=ErrorBodies(encoders),
            meter=RequestMeter(self.metrics, state.access_log),
            clock=state.clock,
            keys=keys,
            in_flight=state.in_flight,
            models_max=int(s.server.max_body_mb.models * MIB),
            admin_max=int(s.server.max_body_mb.admin * MIB),
            max_depth=s.server.max_json_depth,
            trusted_proxies=s.server.trusted_proxies,
            cors_origins=s.server.cors.origins,
            cors_max_age_s=s.server.cors.max_age_s,
        )
        return govern(router, options)

    def _announce(self, settings: Settings) -> None:
        for line in settings.not_yet():
            self._log.warning(line)

    def _task_failed(self, name: str, exc: BaseException) -> None:
        self.metrics.task_failed(name)
        self._log.error("background task failed", extra={"task": name, "error": type(exc).__name__}, exc_info=exc)


def build_app(settings: Settings, **own: Any) -> Gateway:
    """The ASGI application for `settings`; keyword arguments as `Gateway`'s."""
    return Gateway(settings, **own)


async def _retire(in_flight: InFlight, provider: Provider) -> None:
    """Connections in use are closed when their answers are; idle ones at once."""
    await provider.aclose()


async def _close(state: AppState) -> None:
    await state.tasks.close(grace_s=1.0)
    for provider in state.pipeline.providers.values():
        await provider.aclose()
    for closer in reversed(state.closers):
        await closer()
