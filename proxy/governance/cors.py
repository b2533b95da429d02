"""Cross-origin requests from browsers: off unless origins are configured. Credentials are headers, never cookies."""

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext

ALLOW_HEADERS = (
    b"Authorization, Content-Type, X-Service-ID, X-API-Key, Idempotency-Key, anthropic-version, anthropic-beta, "
    b"x-llm-edge-timeout-s, x-llm-edge-strict, x-llm-edge-fallbacks, "
    b"x-stainless-lang, x-stainless-package-version, x-stainless-os, x-stainless-arch, "
    b"x-stainless-runtime, x-stainless-runtime-version, x-stainless-retry-count, x-stainless-timeout"
)
EXPOSE_HEADERS = b"X-Trace-ID, x-request-id, Retry-After, x-llm-edge-cache, x-llm-edge-provider, x-llm-edge-model"


class CorsMiddleware:
    """`origins`: exact origins, or `*`."""

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...], max_age_s: int = 600) -> None:
        self.app = app
        self._max_age = b"%d" % max_age_s
        self._any = "*" in origins
        self._origins = frozenset(o.encode("ascii") for o in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            origin = ctx.headers.get(b"origin")
            if origin is not None and (self._any or origin in self._origins):
                ctx.headers_out += [
                    (b"access-control-allow-origin", b"*" if self._any else origin),
                    (b"access-control-expose-headers", EXPOSE_HEADERS),
                    (b"vary", b"Origin"),
                ]
                if scope["method"] == "OPTIONS" and b"access-control-request-method" in ctx.headers:
                    await self._preflight(ctx, send)
                    return
        await self.app(scope, receive, send)

    async def _preflight(self, ctx: RequestContext, send: Send) -> None:
        ctx.headers_out += [
            (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
            (b"access-control-allow-headers", ALLOW_HEADERS),
            (b"access-control-max-age", self._max_age),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
