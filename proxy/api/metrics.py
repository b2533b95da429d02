"""`GET /metrics` on the main port: the same exposition as on METRICS_PORT."""

from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_bytes
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import NotFound
from proxy.telemetry.hub import MetricsHub


class MetricsRoute:
    """`hub` None: metrics are off."""

    def __init__(self, hub: MetricsHub | None) -> None:
        self.hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.hub is None:
            raise NotFound("metrics are off (ENABLE_METRICS)")
        ctx: RequestContext = scope[SCOPE_KEY]
        media, body = await self.hub.render(ctx.headers.get(b"accept", b"").decode("latin-1"))
        await send_bytes(send, 200, media.encode("latin-1"), body)
