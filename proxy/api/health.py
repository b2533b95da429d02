"""Liveness, readiness and E's rich `/health`."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.clock import Clock, utc_iso
from proxy.core.lifecycle import Lifecycle
from proxy.core.version import __version__
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.health_report import resting, usable


class Health:
    def __init__(self, pipeline: Callable[[], Pipeline], lifecycle: Lifecycle, clock: Clock, config: Callable[[], dict[str, Any]]) -> None:
        """`config`: what is in force, and how it differs from the file."""
        self._pipeline = pipeline
        self._lifecycle = lifecycle
        self._clock = clock
        self._started = clock.monotonic()
        self._config = config

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`status`: healthy when L1 works, L2 works if configured, and at least one provider is up."""
        pipe = self._pipeline()
        cache = pipe.cache.status()
        now = self._clock.monotonic()
        up = usable(pipe.health, pipe.providers, now)
        providers = {name: {"healthy": up[name], "kind": p.kind} for name, p in pipe.providers.items()}
        healthy = any(up.values()) and (cache.l2_healthy or not cache.l2_configured) and not self._lifecycle.is_draining
        body: dict[str, Any] = {
            "status": "healthy" if healthy else "degraded",
            "timestamp": utc_iso(self._clock.time()),
            "version": __version__,
            "uptime_seconds": int(self._clock.monotonic() - self._started),
            "state": self._lifecycle.state,
            "cache": {
                "l1_healthy": True,
                "l2_healthy": cache.l2_healthy,
                "l2_configured": cache.l2_configured,
                "l1_entries": cache.l1_entries,
            },
            "providers": providers,
            "resting": [msgspec.to_builtins(rest) for rest in resting(pipe.health, now)],
            **self._config(),
        }
        await send_json(send, 200, body)

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"alive": True, "timestamp": utc_iso(self._clock.time())})

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        ready = self._lifecycle.is_ready
        await send_json(send, 200 if ready else 503, {"ready": ready, "timestamp": utc_iso(self._clock.time())})

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"status": "healthy"})

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A's shape. Redis only ever costs the gateway its shared cache so far, so it does not decide."""
        if not self._lifecycle.is_ready:
            await send_json(send, 503, {"status": "not ready", "error": "; ".join(self._lifecycle.waits_for) or self._lifecycle.state})
            return
        cache = self._pipeline().cache.status()
        redis = "not configured" if not cache.l2_configured else "ok" if cache.l2_healthy else "down"
        await send_json(send, 200, {"status": "ready", "redis": redis})
