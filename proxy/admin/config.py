"""`/v1/admin/config`: what is in force, and the order to read it again."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import UNSET
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer, context
from proxy.admin.drift import drift
from proxy.admin.keeper import OverlayKeeper
from proxy.admin.managed import managed_by_file
from proxy.admin.reload import Reload, ReloadRefused, refusal
from proxy.core.clock import utc_iso
from proxy.core.errors import Unsupported
from proxy.settings import Settings
from proxy.settings.show import as_json

QUERY: dict[str, Any] = {"origins": bool}


class ConfigShown(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    loaded_at: str
    pid: int
    file: str | None
    config: dict[str, Any]
    """Secrets hidden."""
    not_yet: list[str]
    drift: dict[str, Any]
    origins: Any = UNSET
    """Where each value came from that is no default."""


class ConfigRoutes:
    def __init__(
        self, settings: Callable[[], Settings], loaded_at: Callable[[], float], overlays: OverlayKeeper, reload: Reload | None
    ) -> None:
        """`reload` None: the program that made the gateway reloads it."""
        self._settings = settings
        self._loaded_at = loaded_at
        self._overlays = overlays
        self._reload = reload

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`?origins=true`: with the place that each value came from, where it is no default."""
        settings = self._settings()
        known = as_json(settings)
        asked = parse_qs(context(scope).query.decode("latin-1")).get("origins", [""])[-1] in ("true", "1")
        body = ConfigShown(
            version=known["digest"],
            loaded_at=utc_iso(self._loaded_at()),
            pid=os.getpid(),
            file=settings.file,
            config=known["config"],
            not_yet=known["not_yet"],
            drift=drift(settings, self._overlays.overlays),
            origins=known["origins"] if asked else UNSET,
        )
        await answer(send, body)

    async def reload(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._reload is None:
            raise Unsupported("this gateway is part of a program, which alone can give it another configuration")
        try:
            done = await self._reload()
        except ReloadRefused as exc:
            raise refusal(exc) from exc
        await answer(send, done)

    async def managed(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise managed_by_file(self._settings(), (), f"Its file is {self._settings().file}" if self._settings().file else "")
