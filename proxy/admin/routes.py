"""`/v1/admin/routes`: where names lead, and the weights that may be moved."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer, check_version, context, expected_version, parameter
from proxy.admin.drift import knows_weights, stale_weights, target_ids
from proxy.admin.keeper import OverlayKeeper
from proxy.admin.managed import managed_by_file
from proxy.core.clock import utc_iso
from proxy.core.errors import BadRequest, ModelNotFound
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import Candidate
from proxy.routing.table import overlay_id
from proxy.routing.target import Route, RouteTimeouts
from proxy.settings import ModelSettings, Settings
from proxy.settings.suggest import did_you_mean
from proxy.storage.overlays import Overlays, WeightOverlay

Explain = Callable[[Pipeline, Route, Sequence[tuple[str, str]]], dict[str, Any]]
"""What would be decided now for a request as the query describes it, and why not otherwise."""


class WeightsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    weights: dict[str, Annotated[float, Meta(ge=0)]]
    """By target: `provider/model`."""
    version: int | None = None


class WeightsChanged(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    at: str
    weights: dict[str, float]
    stale: list[str]


class RouteTarget(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    provider: str
    model: str | None
    weight: float
    configured_weight: float | None
    priority: int
    quality: float | None
    region: str | None
    tags: list[str]
    drained: bool
    in_flight: int


class RouteShown(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    strategy: str
    managed_by: str | None
    version: int
    """Of the weights that are laid over it; 0: none are."""
    weights_changed: WeightsChanged | None
    targets: list[RouteTarget]


class RouteList(msgspec.Struct, frozen=True, kw_only=True):
    routes: list[RouteShown]
    drift_version: int


class RouteWhole(RouteShown, frozen=True, kw_only=True):
    attempts: int
    timeouts: RouteTimeouts
    rules: dict[str, Any]
    decision: dict[str, Any]
    warning: str | UnsetType = UNSET


class RouteChanged(RouteShown, frozen=True, kw_only=True):
    drift_version: int


class RouteGone(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of an entry that the configuration has no more."""

    name: str
    version: int
    drift_version: int


class RouteRoutes:
    def __init__(
        self, settings: Callable[[], Settings], pipeline: Callable[[], Pipeline], overlays: OverlayKeeper, explain: Explain
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._overlays = overlays
        self._explain = explain

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every entry of the table; an empty one means that names speak for themselves."""
        pipe = self._pipeline()
        found = [RouteShown(**self._shown(pipe.routes.resolve(name))) for name in (*pipe.routes.names(), *pipe.routes.patterns())]
        await answer(send, RouteList(routes=found, drift_version=self._overlays.overlays.version))

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As any client's name would lead."""
        pipe = self._pipeline()
        route = pipe.routes.resolve(parameter(context(scope), "model"))
        body = RouteWhole(
            **self._shown(route),
            attempts=route.attempts,
            timeouts=route.timeouts,
            rules=msgspec.to_builtins(route.rules),
            decision=self._explain(pipe, route, parse_qsl(context(scope).query.decode("latin-1"), keep_blank_values=True)),
            warning=route.warning if route.warning is not None else UNSET,
        )
        await answer(send, body, version=body.version)

    async def set_weights(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`{weights: {"provider/model": number}}`: what it leaves out keeps the file's; an empty mapping is the file's for all."""
        ctx = context(scope)
        name, model = self._weighted(parameter(ctx, "model"))
        weights = _weights(ctx.json, name, model, self._settings())
        await self._change(send, name, weights, expected_version(ctx, ctx.json), ctx.principal.key_id if ctx.principal else "")

    async def clear_weights(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Back to the file's; also of an entry that is gone."""
        ctx = context(scope)
        name = parameter(ctx, "model")
        if name not in self._overlays.overlays.weights:
            self._weighted(name)
        await self._change(send, name, {}, expected_version(ctx, {}), ctx.principal.key_id if ctx.principal else "")

    async def managed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Entries themselves."""
        name = parameter(context(scope), "model")
        if name not in self._settings().models:
            raise _no_model(name, self._settings())
        raise managed_by_file(self._settings(), ("models", name), "Only weights and drained targets may be changed here.")

    async def _change(self, send: Send, name: str, weights: dict[str, float], expected: int | None, by: str) -> None:
        now = self._pipeline().clock.time()

        def edit(stored: Overlays) -> Overlays:
            there = stored.weights.get(name)
            check_version(expected, there.version if there is not None else 0)
            if (there.weights if there is not None else {}) == weights:
                return stored
            others = {entry: overlay for entry, overlay in stored.weights.items() if entry != name}
            version = stored.version + 1
            mine = {name: WeightOverlay(weights=weights, version=version, by=by, at=now)} if weights else {}
            return msgspec.structs.replace(stored, version=version, weights=others | mine)

        held = await self._overlays.change(edit)
        overlay = held.weights.get(name)
        version = overlay.version if overlay is not None else 0
        body: RouteGone | RouteChanged = RouteGone(name=name, version=version, drift_version=held.version)
        if name in self._settings().models:
            shown = self._shown(self._pipeline().routes.resolve(name)) | {"name": name, "version": version}
            body = RouteChanged(**shown, drift_version=held.version)
        await answer(send, body, version=version)

    def _weighted(self, name: str) -> tuple[str, ModelSettings]:
        settings = self._settings()
        model = settings.models.get(name)
        if model is None:
            raise _no_model(name, settings)
        strategy = settings.strategy_of(model)
        if not knows_weights(strategy):
            raise managed_by_file(settings, ("models", name, "strategy"), f"It is {strategy}, which knows no weights.")
        return name, model

    def _shown(self, route: Route) -> dict[str, Any]:
        settings, overlays = self._settings(), self._overlays.overlays
        overlay = overlays.weights.get(route.name)
        model = settings.models.get(route.name)
        configured = {} if model is None else dict(zip(target_ids(model), (t.weight for t in model.targets), strict=True))
        return {
            "name": route.name,
            "strategy": route.strategy,
            "managed_by": settings.where(("models", route.name)) if model is not None else None,
            "version": overlay.version if overlay is not None else 0,
            "weights_changed": None
            if overlay is None
            else WeightsChanged(
                by=overlay.by,
                at=utc_iso(overlay.at),
                weights=overlay.weights,
                stale=[*stale_weights(settings, route.name, overlay)],
            ),
            "targets": [_target(candidate, overlays, configured) for candidate in route.targets],
        }


def _target(candidate: Candidate, overlays: Overlays, configured: dict[str, float]) -> RouteTarget:
    target = candidate.target
    as_asked = configured.get(f"{target.provider}/*")
    return RouteTarget(
        id=candidate.id,
        provider=target.provider,
        model=target.model,
        weight=target.weight,
        configured_weight=configured.get(overlay_id(target), as_asked),
        priority=target.priority,
        quality=target.quality,
        region=target.region,
        tags=list(target.tags),
        drained=candidate.id in overlays.drained,
        in_flight=candidate.stats.in_flight,
    )


def _weights(body: dict[str, Any], name: str, model: ModelSettings, settings: Settings) -> dict[str, float]:
    """Empty where they are what the file says anyway. Raises BadRequest, Conflict."""
    for key in body:
        if key in ModelSettings.model_fields:
            raise managed_by_file(settings, ("models", name, key), "Only weights and drained targets may be changed here.")
        if key not in WeightsBody.__struct_fields__:
            raise BadRequest(f"unknown field{did_you_mean(key, WeightsBody.__struct_fields__)}", param=key)
    weights = body.get("weights")
    if not isinstance(weights, dict):
        raise BadRequest("must be a mapping of targets (provider/model) to weights", param="weights")
    known = dict(zip(target_ids(model), (t.weight for t in model.targets), strict=True))
    for target, weight in weights.items():
        if target not in known:
            hint = did_you_mean(target, known) or f"; it has {', '.join(known)}"
            raise BadRequest(f"not a target of {name}{hint}", param=f"weights.{target}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0 or not isfinite(weight):
            raise BadRequest("must be a number, 0 or more", param=f"weights.{target}")
    if not any({**known, **weights}.values()):
        raise BadRequest("the weights add up to 0: at least one must be above 0", param="weights")
    return {target: float(weight) for target, weight in weights.items()} if {**known, **weights} != known else {}


def _no_model(name: str, settings: Settings) -> ModelNotFound:
    return ModelNotFound(f"no entry '{name[:100]}' in models{did_you_mean(name, settings.models)}", param="model")
