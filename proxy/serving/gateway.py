"""The gateway as the serving side sees it: opened from a Launch, reloaded in two steps."""

from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from starlette.types import ASGIApp

from proxy.admin.reload import ReloadRefused
from proxy.app import Gateway, build_app
from proxy.serving.options import Launch, ServeOptions
from proxy.serving.reloading import Plan, ReadRefused
from proxy.serving.runtime import Runtime, ServedApp
from proxy.settings import Problem, Settings, SettingsError, load_settings
from proxy.settings.base import SecretUrl
from proxy.settings.changes import changed_paths
from proxy.settings.sources import SourceReader, Sources
from proxy.state import ConfigRefused, Prepared
from proxy.telemetry.redact import Redactor


class ServedGateway:
    def __init__(self, launch: Launch, runtime: Runtime, settings: Settings) -> None:
        self._launch = launch
        self._runtime = runtime
        self._prepared: Prepared | None = None
        register_secrets(runtime.logs.redact, settings)
        self.gateway: Gateway = build_app(
            settings,
            lifecycle=runtime.lifecycle,
            metrics=runtime.metrics,
            access_log=runtime.logs.access if settings.telemetry.access_log else None,
            metrics_hub=runtime.hub,
            reload=runtime.reload,
        )
        self.asgi: ASGIApp = self.gateway.handle

    async def prepare_reload(self, sources: Sources | None = None) -> Plan:
        await self.abandon_reload()
        reader = SourceReader(sources.texts if sources is not None else None)
        try:
            settings = load_settings(self._launch.config, overrides=self._launch.overrides, reader=reader)
            register_secrets(self._runtime.logs.redact, settings)
            self._prepared = await self.gateway.prepare(settings)
        except SettingsError as exc:
            raise ReadRefused(*exc.problems, sources=Sources(reader.texts)) from exc
        except ConfigRefused as exc:
            raise ReadRefused(Problem(str(exc)), sources=settings.sources) from exc
        before = self._prepared.base.settings
        return Plan(
            version=settings.digest(),
            previous=before.digest(),
            changed=tuple(changed_paths(before, settings)),
            warnings=(*_waiting(before, settings), *settings.not_yet(), *self.gateway.stale_overlays(settings)),
            sources=settings.sources,
        )

    async def commit_reload(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            raise ReloadRefused(Problem("nothing has been prepared"))
        try:
            self.gateway.commit(prepared)
        except ConfigRefused as exc:
            await prepared.abandon()
            raise ReloadRefused(Problem(str(exc))) from exc

    async def abandon_reload(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            await prepared.abandon()


def open_gateway(launch: Launch, runtime: Runtime) -> ServedApp:
    """Raises SettingsError."""
    reader = SourceReader(launch.sources.texts)
    return ServedGateway(launch, runtime, load_settings(launch.config, overrides=launch.overrides, reader=reader))


def _waiting(before: Settings, after: Settings) -> list[str]:
    """What of the new configuration comes into force later."""
    if ServeOptions.of(before) == ServeOptions.of(after) and before.stores == after.stores:
        return []
    return ["changed settings of the server, its stores or its log wait for a restart"]


def register_secrets(redact: Redactor, settings: Settings) -> None:
    """Every secret value of the configuration; what logs print is compared with them."""
    redact.add(*secrets_in(settings.model_dump()))


def secrets_in(value: Any) -> list[str]:
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, SecretUrl):
        url = value.get_secret_value()
        password = urlsplit(url).password
        return [url, password, unquote(password)] if password else [url]
    if isinstance(value, dict):
        return [s for item in value.values() for s in secrets_in(item)]
    if isinstance(value, list | tuple | set | frozenset):
        return [s for item in value for s in secrets_in(item)]
    return []
