"""What the serving side takes from the settings, as plain data that travels to workers."""

from typing import Any

import msgspec

from proxy.serving.limits import ConnectionLimits
from proxy.settings import Settings
from proxy.settings.sources import Sources


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 8080
    metrics_port: int | None = None
    """None: no second metrics endpoint."""
    workers: int = 1
    drain_delay_s: float = 5.0
    grace_s: float = 30.0
    end_s: float = 2.0
    """After grace: how long streams have for their in-band end."""
    limits: ConnectionLimits = ConnectionLimits()
    tls_cert: str | None = None
    tls_key: str | None = None
    log_level: str = "info"
    access_log: bool = True
    embedded_redis: bool = False
    watch_config: bool = True

    @classmethod
    def of(cls, settings: Settings) -> "ServeOptions":
        server = settings.server
        tls = server.tls if server.tls.enabled and server.tls.cert is not None else None
        return cls(
            host=server.host,
            port=server.port,
            metrics_port=server.metrics_port if settings.telemetry.metrics else None,
            workers=server.workers,
            drain_delay_s=server.drain_delay_s,
            grace_s=server.grace_s,
            limits=ConnectionLimits(
                headers_s=server.header_timeout_s,
                body_stall_s=server.body_stall_s,
                write_stall_s=server.reader_stall_s,
                keep_alive_s=server.idle_s,
            ),
            tls_cert=str(tls.cert) if tls is not None else None,
            tls_key=str(tls.key) if tls is not None and tls.key is not None else None,
            log_level=settings.telemetry.log_level,
            access_log=settings.telemetry.access_log,
            embedded_redis=settings.stores.redis_url == "embedded",
            watch_config=server.watch_config,
        )


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """Which application a process serves and how: all that a worker is told. It travels over a socket pair, never in arguments or
    the environment; of secrets it has a demo key, and those that stand in the files of `sources`."""

    options: ServeOptions
    app: str = "proxy.serving.gateway:open_gateway"
    """`module:callable`, called with (launch, runtime), returns a ServedApp."""
    config: str | None = None
    """Path of the YAML file."""
    overrides: dict[str, Any] = {}
    """Settings given on the command line, by section."""
    sources: Sources = Sources()
    """What stands for the files on the disk: the configuration that is in force."""
