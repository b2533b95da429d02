"""`/v1/admin/targets/{provider}/{model}/drain`: a target that gets no new requests, in every entry that has it."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer, check_version, context, expected_version, parameter
from proxy.admin.drift import known_target
from proxy.admin.keeper import OverlayKeeper
from proxy.core.clock import Clock, utc_iso
from proxy.core.errors import Conflict, NotFound
from proxy.settings import Settings
from proxy.settings.suggest import did_you_mean
from proxy.storage.overlays import DrainOverlay, Overlays

MAX_DRAINED = 1000
"""Where names are served as asked there is no end of targets."""


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    drained: bool
    version: int
    drift_version: int
    by: str | UnsetType = UNSET
    at: str | UnsetType = UNSET


class TargetRoutes:
    def __init__(self, settings: Callable[[], Settings], clock: Clock, overlays: OverlayKeeper) -> None:
        self._settings = settings
        self._clock = clock
        self._overlays = overlays

    async def drain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Requests under way go on. Again: nothing changes, who did it first stands."""
        ctx = context(scope)
        target = parameter(ctx, "target")
        self._check(target)
        expected, by, now = expected_version(ctx, {}), ctx.principal.key_id if ctx.principal else "", self._clock.time()

        def edit(stored: Overlays) -> Overlays:
            there = stored.drained.get(target)
            check_version(expected, there.version if there is not None else 0)
            if there is not None:
                return stored
            if len(stored.drained) >= MAX_DRAINED:
                raise Conflict(f"{MAX_DRAINED} targets are drained: take some back first")
            version = stored.version + 1
            drained = stored.drained | {target: DrainOverlay(version=version, by=by, at=now)}
            return msgspec.structs.replace(stored, version=version, drained=drained)

        await self._answer(send, target, await self._overlays.change(edit))

    async def undrain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Its share grows slowly again (`routing.slow_start_s`). Also of a target that is gone."""
        ctx = context(scope)
        target = parameter(ctx, "target")
        if target not in self._overlays.overlays.drained:
            self._check(target)
        expected = expected_version(ctx, {})

        def edit(stored: Overlays) -> Overlays:
            there = stored.drained.get(target)
            check_version(expected, there.version if there is not None else 0)
            if there is None:
                return stored
            drained = {name: overlay for name, overlay in stored.drained.items() if name != target}
            return msgspec.structs.replace(stored, version=stored.version + 1, drained=drained)

        await self._answer(send, target, await self._overlays.change(edit))

    def _check(self, target: str) -> None:
        settings = self._settings()
        if known_target(settings, target):
            return
        listed = {f"{t.provider}/{t.model}" for entry in settings.models.values() for t in entry.targets if t.model is not None}
        raise NotFound(f"no target '{target[:200]}'{did_you_mean(target, listed)}", code="target_not_found")

    async def _answer(self, send: Send, target: str, held: Overlays) -> None:
        overlay = held.drained.get(target)
        version = overlay.version if overlay is not None else 0
        body = TargetShown(
            target=target,
            drained=overlay is not None,
            version=version,
            drift_version=held.version,
            by=overlay.by if overlay is not None else UNSET,
            at=utc_iso(overlay.at) if overlay is not None else UNSET,
        )
        await answer(send, body, version=version)
