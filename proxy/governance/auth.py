"""Who is calling, from headers only. Fails closed: a store that is down is 503, never a pass and never 401.

Order of headers: `x-api-key`, `api-key`, `Authorization: Bearer` (E's precedence).
"""

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Forbidden, Unauthenticated
from proxy.core.identity import ANONYMOUS, Principal


class Keys(Protocol):
    """Knows the keys. `peek` answers from memory; `verify` may ask the record store."""

    def peek(self, key: str) -> Principal | None: ...

    async def verify(self, key: str) -> Principal | None:
        """None: no such live key. Raises Unavailable when the store cannot say."""
        ...


class AuthMiddleware:
    """`keys` None: authentication is off."""

    def __init__(self, app: ASGIApp, *, keys: Keys | None) -> None:
        self.app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            if self._keys is None:
                ctx.principal = ANONYMOUS
            elif not ctx.route.public:
                key = presented_key(ctx.headers)
                principal = self._keys.peek(key) or await self._keys.verify(key)
                if principal is None:
                    raise Unauthenticated("Invalid or expired API key")
                ctx.principal = principal
                if ctx.route.admin and principal.role != "admin":
                    raise Forbidden("Admin role required")
        await self.app(scope, receive, send)


def presented_key(headers: dict[bytes, bytes]) -> str:
    """Raises Unauthenticated saying what to send."""
    value = headers.get(b"x-api-key") or headers.get(b"api-key")
    if value is None:
        authorization = headers.get(b"authorization")
        if authorization is None:
            raise Unauthenticated(
                "Missing Authorization header: send 'Authorization: Bearer <api_key>' or 'x-api-key'", code="missing_api_key"
            )
        scheme, _, value = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not value.strip():
            raise Unauthenticated("Invalid Authorization header format. Use: Bearer <api_key>")
    key = value.strip()
    if not key or len(key) > 4096 or not key.isascii():
        raise Unauthenticated("Invalid or expired API key")
    return key.decode("ascii")
