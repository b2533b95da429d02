"""May this principal use this route, this model, and the ids that its request names? Leaves `permit` in the context; attempts ask it for
every real target (contract D). Fails closed.

The scope that a route needs is in the route (`api/permissions.py`). Admin routes are judged by the auth wrapper, before the body is read.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict
from proxy.core.errors import Forbidden, Unauthenticated
from proxy.core.identity import ADMIN_READ, PROVIDER_OBJECTS, Principal
from proxy.governance.provider_objects import require_scope


class RbacMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            principal = ctx.principal
            if principal is None:
                if not ctx.route.public:
                    raise Unauthenticated("Invalid or expired API key")
            else:
                scope_needed = ctx.route.scope
                if scope_needed is not None and not principal.has_scope(scope_needed):
                    raise Forbidden(
                        f"This API key lacks the scope {scope_needed}, which {ctx.route.name} needs: its role is {principal.role}. An "
                        "administrator can grant it",
                        code="scope_required",
                    )
                if principal.models is not None:
                    ctx.permit = ModelPermit(principal.models, ctx)
                if ctx.json is not None and PROVIDER_OBJECTS not in principal.scopes and principal.role != "admin":
                    require_scope(ctx)
        return self.app(scope, receive, send)


def check_admin(principal: Principal, method: str) -> None:
    """For routes of administrators. Raises Forbidden, in A's words."""
    if not principal.is_admin and not (method in ("GET", "HEAD") and principal.has_scope(ADMIN_READ)):
        raise Forbidden("Admin role required")


class ModelPermit:
    """`Principal.may_use` by the name that was asked for. What is reached through another entry, as a fallback, the pipeline judges by that
    entry's name first."""

    __slots__ = ("_ctx", "_models")

    def __init__(self, models: frozenset[str], ctx: RequestContext) -> None:
        self._models = models
        self._ctx = ctx

    def __call__(self, provider: str, model: str) -> Verdict:
        if self._ctx.model in self._models or f"{provider}/{model}" in self._models or "*" in self._models:
            return ALLOWED
        return Verdict(Forbidden(f"this API key may not use the model '{self._ctx.model}'", code="model_not_permitted", param="model"))
