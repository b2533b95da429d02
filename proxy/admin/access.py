"""Who may use a route that concerns the whole gateway: administrators that are bound to no tenant.

Whether they may change it is asked for by the auth wrapper, for every route of the family, before a byte of the body is read.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin.answer import context
from proxy.core.errors import Forbidden
from proxy.core.identity import ADMIN_READ, Principal


class WholeGateway:
    """In front of a handler."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        principal = context(scope).principal
        if principal is None or not is_global(principal) or not principal.has_scope(ADMIN_READ):
            raise Forbidden("this concerns the whole gateway, and the key administers one tenant only", code="tenant_admin")
        return self.app(scope, receive, send)


def is_global(principal: Principal) -> bool:
    """A key made without a tenant is its own; an administrator's then belongs to the gateway."""
    return principal.tenant == principal.key_id
