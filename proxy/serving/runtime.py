"""What the serving side gives an application, and what it wants of it."""

import importlib
from collections.abc import Callable
from typing import Protocol, cast

import msgspec
from starlette.types import ASGIApp

from proxy.core.lifecycle import Lifecycle
from proxy.serving.options import Launch
from proxy.serving.reloading import Plan, ReloadDoor
from proxy.settings.sources import Sources
from proxy.telemetry.hub import LocalHub, MetricsHub
from proxy.telemetry.logs import Logging
from proxy.telemetry.metrics import Metrics


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """One a process."""

    lifecycle: Lifecycle
    metrics: Metrics
    logs: Logging
    hub: MetricsHub
    reload: ReloadDoor = msgspec.field(default_factory=ReloadDoor)


class ServedApp(Protocol):
    """An application that a process serves."""

    asgi: ASGIApp

    async def prepare_reload(self, sources: Sources | None = None) -> Plan:
        """Read and check the configuration; nothing changes yet. `sources`: what to read instead of the disk. Raises ReloadRefused."""
        ...

    async def abandon_reload(self) -> None:
        """What was prepared will not be committed."""
        ...

    async def commit_reload(self) -> None:
        """Put what was last prepared in force. Raises ReloadRefused."""
        ...


OnReady = Callable[[str, int], None]
"""(host, port), once connections are accepted."""
AppFactory = Callable[[Launch, Runtime], ServedApp]


def make_runtime(launch: Launch, hub: Callable[[Metrics], MetricsHub] = LocalHub) -> Runtime:
    """Logs are installed from here on."""
    logs = Logging(level=launch.options.log_level, access=launch.options.access_log)
    logs.install()
    metrics = Metrics()
    metrics.count("llm_edge_log_lines_dropped_total", lambda: [((), float(logs.buffer.dropped))])
    return Runtime(lifecycle=Lifecycle(), metrics=metrics, logs=logs, hub=hub(metrics), reload=ReloadDoor())


def load_app(launch: Launch, runtime: Runtime) -> ServedApp:
    """Raises what the import or the factory raises."""
    module, _, name = launch.app.partition(":")
    factory = cast(AppFactory, getattr(importlib.import_module(module), name))
    return factory(launch, runtime)
