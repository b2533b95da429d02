"""Who is calling, from headers only. Fails closed: a store that is down is 503, never a pass and never 401.

Order: `x-api-key`, `api-key`, `Authorization: Bearer` (E's precedence), then Google's `x-goog-api-key` and `?key=`.
"""

from collections.abc import Awaitable, Sequence
from functools import partial
from hashlib import sha256
from typing import Protocol
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import EdgeError, Forbidden, Unauthenticated
from proxy.core.identity import ANONYMOUS, Principal
from proxy.core.keys import MAX_KEY_CHARS
from proxy.governance.acting import IDENTIFIER_HEADER, SERVICE_HEADER, Acting
from proxy.governance.jwt.compact import is_token
from proxy.governance.jwt.refusal import CHALLENGE, TokenRefused
from proxy.governance.keys import Ended
from proxy.governance.rbac import check_admin
from proxy.governance.sigv4_keys import is_signed


class Keys(Protocol):
    """Knows the keys. `find` answers from memory; `verify` may ask the record store."""

    def find(self, digest: bytes) -> Principal | None:
        """By the SHA-256 of the whole key, so that the time it takes tells nothing about a key."""
        ...

    async def verify(self, key: str) -> Principal | None:
        """None: no such live key. Raises Unavailable when the store cannot say."""
        ...

    def ended(self, digest: bytes) -> Ended | None:
        """Why a key that `verify` has just said no to is live no more; None: it never was, or nobody knows."""
        ...

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        """Of a request signed as AWS's SDKs sign them. Raises the errors of `sigv4_keys`, or Unavailable."""
        ...


class AuthMiddleware:
    """`keys` None: authentication is off. A key that is known goes on without a coroutine of our own. `tokens`: whether tokens are taken;
    `local`: who requests without a key are."""

    def __init__(self, app: ASGIApp, *, keys: Keys | None, tokens: bool = False, local: Principal | None = None) -> None:
        self.app = app
        self._keys = keys
        self._tokens = tokens
        self._local = local
        self._acting = Acting()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            keys = self._keys
            if keys is None:
                ctx.principal = ANONYMOUS
            elif not ctx.route.public:
                headers = ctx.headers
                key = headers.get(b"authorization")
                if key is not None and key.startswith(b"Bearer ") and b"x-api-key" not in headers and b"api-key" not in headers:
                    key = key[7:]  # what most send
                else:
                    key = _plain_key(headers) or _google_key(ctx)
                principal = keys.find(sha256(key).digest()) if key else None
                if principal is None:
                    return self._verify(keys, ctx, scope, receive, send)
                ctx.principal = principal
                if principal.allowed_ips:
                    check_address(principal, ctx)
                if ctx.route.admin:
                    check_admin(principal, scope["method"])
            if SERVICE_HEADER in ctx.headers or IDENTIFIER_HEADER in ctx.headers:
                self._act(ctx)
        return self.app(scope, receive, send)

    async def _verify(self, keys: Keys, ctx: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if ctx.route.family == "bedrock" and ctx.route.reads_body and is_signed(ctx.headers.get(b"authorization", b"")):
            ctx.check_body = partial(self._check_signature, keys, ctx, scope)
            await self.app(scope, receive, send)
            return
        principal = await self._principal(keys, ctx)
        ctx.principal = principal
        check_address(principal, ctx)
        if ctx.route.admin:
            check_admin(principal, scope["method"])
        self._act(ctx)
        await self.app(scope, receive, send)

    async def _principal(self, keys: Keys, ctx: RequestContext) -> Principal:
        google = _google_key(ctx)
        try:
            key = presented_key(ctx.headers if google is None else {b"x-api-key": google})
        except Unauthenticated as exc:
            if self._local is not None and exc.code == "missing_api_key":
                return self._local
            raise _without_key(exc, ctx, self._tokens) from None
        if self._local is not None and is_token(key):
            return self._local
        try:
            principal = await keys.verify(key)
        except TokenRefused as exc:
            ctx.headers_out.append(CHALLENGE)
            raise exc.seen_by(ctx.route.family) from None
        if principal is None:
            raise _refusal(ctx, keys.ended(sha256(key.encode()).digest()))
        return principal

    async def _check_signature(self, keys: Keys, ctx: RequestContext, scope: Scope, body: bytes) -> None:
        ctx.check_body = None
        raw_path = scope.get("raw_path") or scope["path"].encode()
        principal = await keys.verify_signed(scope["method"], raw_path, scope["query_string"], scope["headers"], body)
        ctx.principal = principal
        check_address(principal, ctx)
        self._act(ctx)

    def _act(self, ctx: RequestContext) -> None:
        """For another one, where a header names it."""
        if ctx.principal is not None and (SERVICE_HEADER in ctx.headers or IDENTIFIER_HEADER in ctx.headers):
            ctx.principal = self._acting.acting(ctx.principal, ctx.headers)


def check_address(principal: Principal, ctx: RequestContext) -> None:
    """Raises Forbidden where the key may not be used from there."""
    if not principal.may_come_from(ctx.client_ip):
        raise Forbidden(
            f"This API key may not be used from {ctx.client_ip or 'an unknown address'}: call from one of its networks, or let an "
            "administrator add this one to allowed_ips of the key",
            code="address_not_allowed",
        )


def _without_key(exc: Unauthenticated, ctx: RequestContext, tokens: bool) -> Unauthenticated:
    """In C's words, and in W's where its clients come with tokens."""
    if ctx.route.family == "invoke":
        return Unauthenticated("Not authenticated", code=exc.code)
    if ctx.route.family == "bedrock" and tokens:
        return Unauthenticated(
            "Authentication required" if exc.code == "missing_api_key" else "Invalid Authorization header format", code=exc.code
        )
    return exc


def _refusal(ctx: RequestContext, ended: Ended | None) -> EdgeError:
    """C's clients are told what became of their key, and with 403; all others that it is no good."""
    if ctx.route.family == "invoke":
        if ended is not None:
            return Forbidden(_ENDED[ended], code=f"api_key_{ended}")
        return Unauthenticated("Invalid API key")
    return Unauthenticated("Invalid or expired API key")


_ENDED: dict[Ended, str] = {"disabled": "API key is disabled", "expired": "API key has expired"}


def _plain_key(headers: dict[bytes, bytes]) -> bytes | None:
    """The key of a header in its usual form; None where `presented_key` must look closer."""
    value = headers.get(b"x-api-key") or headers.get(b"api-key")
    if value is None and (value := headers.get(b"authorization")) is not None:
        return value[7:] if value.startswith(b"Bearer ") else None
    return value


def _google_key(ctx: RequestContext) -> bytes | None:
    """Only where no other header holds a key."""
    headers = ctx.headers
    if b"x-api-key" in headers or b"api-key" in headers or b"authorization" in headers:
        return None
    if b"x-goog-api-key" in headers:
        return headers[b"x-goog-api-key"]
    if b"key=" in ctx.query:
        return next(
            (unquote_to_bytes(value) for name, _, value in (p.partition(b"=") for p in ctx.query.split(b"&")) if name == b"key"), None
        )
    return None


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
    value = value.strip()
    if not value or not value.isascii():
        raise Unauthenticated("Invalid or expired API key")
    key = value.decode("ascii")
    if len(key) > MAX_KEY_CHARS and not is_token(key):
        raise Unauthenticated("Invalid or expired API key")
    return key
