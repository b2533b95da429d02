"""Takes a request's claims before it runs and settles them once after it ended, however it ended.

No limit, budget or idempotency policy exists yet, so every claim is admitted; `top_up` and `settle` already go the way they will
go: attempts call `top_up` before each try, and the one `settle` runs in the outermost wrapper's `finally`.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict


class InFlight:
    """How many admitted requests have not been settled: 0 when idle, or something leaks."""

    __slots__ = ("requests", "tries")

    def __init__(self) -> None:
        self.requests = 0
        self.tries = 0
        """Tries admitted so far, over all requests."""


class AdmissionMiddleware:
    def __init__(self, app: ASGIApp, *, in_flight: InFlight) -> None:
        self.app = app
        self._in_flight = in_flight
        self._bound = self._top_up, self._settle  # bound once, not for each request

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            if ctx.route.dialect is not None:
                self._in_flight.requests += 1
                ctx.top_up, settle = self._bound
                ctx.settle.append(settle)
        return self.app(scope, receive, send)

    def _top_up(self, provider: str, model: str) -> Verdict:
        self._in_flight.tries += 1
        return ALLOWED

    def _settle(self, ctx: RequestContext) -> None:
        """Called once a request by the trace wrapper, which empties the list."""
        self._in_flight.requests -= 1
