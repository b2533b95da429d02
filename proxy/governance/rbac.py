"""May this principal use this route, this model, and the ids that its request names? Leaves `permit` in the context; attempts ask it for
every real target (contract D). Fails closed.

The scope that a route needs is in the route (`api/permissions.py`). Admin routes are judged by the auth wrapper, before the body is read.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict
from proxy.core.errors import Forbidden, Unauthenticated
from proxy.core.identity import ADMIN_READ, PROVIDER_OBJECTS, Principal
from proxy.governance.limits.policy import EntityRules, PlanRules
from proxy.governance.plans.book import NO_PLANS
from proxy.governance.provider_objects import require_scope


class RbacMiddleware:
    """`plans`: where there are usage plans; what they do not permit is refused, and who has an inactive one."""

    def __init__(self, app: ASGIApp, *, plans: EntityRules | None = None) -> None:
        self.app = app
        self._plans = plans

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
                if self._plans is not None and not ctx.route.admin and ctx.route.family != "ops":
                    rules = self._plans.find(principal)
                    if rules is None:
                        return self._load(self._plans, ctx, principal, scope, receive, send)
                    ctx.plans = rules
                    if rules is not NO_PLANS:
                        _apply(rules, ctx)
        return self.app(scope, receive, send)

    async def _load(
        self, plans: EntityRules, ctx: RequestContext, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Raises Unavailable where nobody knows the plans."""
        _apply(await plans.load(principal), ctx)
        await self.app(scope, receive, send)


def _apply(rules: PlanRules, ctx: RequestContext) -> None:
    if not rules.active:
        raise Forbidden("A usage plan of this request is not active: an administrator can activate it", code="plan_inactive")
    if not rules.permissive:
        ctx.plan_permits = rules.permits
        ctx.permit = ModelPermit(None, ctx)


def check_admin(principal: Principal, method: str) -> None:
    """For routes of administrators. Raises Forbidden, in A's words."""
    if not principal.is_admin and not (method in ("GET", "HEAD") and principal.has_scope(ADMIN_READ)):
        raise Forbidden("Admin role required")


class ModelPermit:
    """`Principal.may_use` by the name that was asked for. What is reached through another entry, as a fallback, the pipeline judges by that
    entry's name first."""

    __slots__ = ("_ctx", "_models")

    def __init__(self, models: frozenset[str] | None, ctx: RequestContext) -> None:
        """`models`: of the key, where the context's principal is not asked."""
        self._models = models
        self._ctx = ctx

    def __call__(self, provider: str, model: str) -> Verdict:
        name, models = self._ctx.model, self._models
        if models is None and not self._ctx.may_use(name, provider, model):
            who = _who(self._ctx, provider, model)
            return Verdict(Forbidden(f"{who} may not use the model '{name}'", code="model_not_permitted", param="model"))
        if models is None or name in models or f"{provider}/{model}" in models or "*" in models:
            return ALLOWED
        return Verdict(Forbidden(f"this API key may not use the model '{name}'", code="model_not_permitted", param="model"))


def _who(ctx: RequestContext, provider: str, model: str) -> str:
    key = ctx.principal is None or ctx.principal.may_use(ctx.model, provider, model)
    return "by its usage plans this request" if key else "this API key"
