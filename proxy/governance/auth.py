"""Who is calling, from headers only. Fails closed: a store that is down is 503, never a pass and never 401.

Order of headers: `x-api-key`, `api-key`, `Authorization: Bearer` (E's precedence).
"""

from collections.abc import Awaitable
from hashlib import sha256
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Forbidden, Unauthenticated
from proxy.core.identity import ANONYMOUS, Principal


class Keys(Protocol):
    """Knows the keys. `find` answers from memory; `verify` may ask the record store."""

    def find(self, digest: bytes) -> Principal | None:
        """By the SHA-256 of the whole key, so that the time it takes tells nothing about a key."""
        ...

    async def verify(self, key: str) -> Principal | None:
        """None: no such live key. Raises Unavailable when the store cannot say."""
        ...


class AuthMiddleware:
    """`keys` None: authentication is off. A key that is known goes on without a coroutine of our own."""

    def __init__(self, app: ASGIApp, *, keys: Keys | None) -> None:
        self.app = app
        self._keys = keys

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            keys = self._keys
            if keys is None:
                ctx.principal = ANONYMOUS
            elif not ctx.route.public:
                key = _plain_key(ctx.headers)
                principal = keys.find(sha256(key).digest()) if key else None
                if principal is None:
                    return self._verify(keys, ctx, scope, receive, send)
                ctx.principal = principal
                if ctx.route.admin and principal.role != "admin":
                    raise Forbidden("Admin role required")
        return self.app(scope, receive, send)

    async def _verify(self, keys: Keys, ctx: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        principal = await keys.verify(presented_key(ctx.headers))
        if principal is None:
            raise Unauthenticated("Invalid or expired API key")
        ctx.principal = principal
        if ctx.route.admin and principal.role != "admin":
            raise Forbidden("Admin role required")
        await self.app(scope, receive, send)


def _plain_key(headers: dict[bytes, bytes]) -> bytes | None:
    """The key of a header in its usual form; None where `presented_key` must look closer."""
    value = headers.get(b"x-api-key") or headers.get(b"api-key")
    if value is None and (value := headers.get(b"authorization")) is not None:
        return value[7:] if value.startswith(b"Bearer ") else None
    return value


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
