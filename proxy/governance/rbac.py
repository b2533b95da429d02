"""May this principal use this model, and the ids that its request names? Leaves `permit` in the context; attempts ask it for every real
target (contract D). Fails closed.

Route permissions, roles and agents' allow-lists arrive with identity; a key's model allow-list is enforced here already.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict
from proxy.core.errors import Forbidden, Unauthenticated
from proxy.core.identity import PROVIDER_OBJECTS
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
                if principal.models is not None:
                    ctx.permit = ModelPermit(principal.models, ctx)
                if ctx.json is not None and PROVIDER_OBJECTS not in principal.scopes and principal.role != "admin":
                    require_scope(ctx)
        return self.app(scope, receive, send)


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
