"""Takes a request's claims before it runs and settles them once after it ended, however it ended.

What is claimed is `Limiter`'s (limits and budgets), what is written down is `Ledger`'s; either may be missing. Attempts call `top_up`
before each try, and everything is settled in the outermost wrapper's `finally`.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import ALLOWED, SCOPE_KEY, RequestContext, Verdict

COUNTED = frozenset({"openai", "anthropic", "bedrock", "gemini", "agents", "invoke"})
"""Families whose requests count: not those that operate the gateway."""


class Limiter(Protocol):
    """Limits and budgets of whoever the request counts for."""

    anybody: bool
    """Whether a principal without limits of its own has to be asked about, too."""

    def admit(self, ctx: RequestContext) -> Awaitable[None] | None:
        """Takes what a request takes in any case. Raises the error to be answered (400, 402, 429, 503)."""
        ...

    def top_up(self, ctx: RequestContext, provider: str, model: str) -> Verdict | Awaitable[Verdict]:
        """Takes what a call to this target may use, on top of what earlier calls of the request took."""
        ...

    def settle(self, ctx: RequestContext) -> None:
        """With what was used, which `ctx` says."""
        ...

    def show(self, ctx: RequestContext) -> Awaitable[None] | None:
        """Leave the standing of the principal's limits in `ctx`, for an answer to a request that takes nothing of them, or did not come
        so far as to be admitted."""
        ...


class Ledger(Protocol):
    """Writes down what is about to be spent, and what was."""

    def intent(self, ctx: RequestContext, provider: str, model: str) -> None:
        """Before a call leaves."""
        ...

    def ended(self, ctx: RequestContext) -> None: ...


class InFlight:
    """How many admitted requests have not been settled: 0 when idle, or something leaks."""

    __slots__ = ("requests", "tries")

    def __init__(self) -> None:
        self.requests = 0
        self.tries = 0
        """Tries admitted so far, over all requests."""


class AdmissionMiddleware:
    def __init__(
        self,
        app: ASGIApp,
        *,
        in_flight: InFlight,
        limiter: Limiter | None = None,
        ledger: Ledger | None = None,
        unheard: Callable[[RequestContext], None] | None = None,
    ) -> None:
        """`unheard` says what calls cost whose end nobody heard."""
        self.app = app
        self._unheard = unheard
        self._in_flight = in_flight
        self._limiter = limiter
        self._ledger = ledger
        self._bound = self._top_up, self._settle, self._asked  # bound once, not for each request

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            if ctx.route.dialect is not None:
                self._in_flight.requests += 1
                free, settle, asked = self._bound
                ctx.settle.append(settle)
                limiter, principal = self._limiter, ctx.principal
                if limiter is not None and (limiter.anybody or (principal is not None and principal.limited)):
                    ctx.top_up = partial(asked, ctx)
                    waiting = limiter.admit(ctx)
                    if waiting is not None:
                        return self._admit(waiting, scope, receive, send)
                elif self._ledger is None:
                    ctx.top_up = free
                else:
                    ctx.top_up = partial(asked, ctx)
            elif self._limiter is not None and ctx.route.family in COUNTED and ctx.principal is not None:
                if ctx.route.takes_nothing:
                    waiting = self._limiter.show(ctx)
                else:
                    ctx.settle.append(self._limiter.settle)
                    waiting = self._limiter.admit(ctx)
                if waiting is not None:
                    return self._admit(waiting, scope, receive, send)
        return self.app(scope, receive, send)

    async def _admit(self, waiting: Awaitable[None], scope: Scope, receive: Receive, send: Send) -> None:
        await waiting
        await self.app(scope, receive, send)

    def _top_up(self, provider: str, model: str) -> Verdict:
        self._in_flight.tries += 1
        return ALLOWED

    def _asked(self, ctx: RequestContext, provider: str, model: str) -> Verdict | Awaitable[Verdict]:
        """The answer to `top_up` of one request."""
        limiter = self._limiter
        verdict = ALLOWED if limiter is None else limiter.top_up(ctx, provider, model)
        if isinstance(verdict, Verdict):
            return self._judged(ctx, provider, model, verdict)
        return self._awaited(ctx, provider, model, verdict)

    async def _awaited(self, ctx: RequestContext, provider: str, model: str, verdict: Awaitable[Verdict]) -> Verdict:
        return self._judged(ctx, provider, model, await verdict)

    def _judged(self, ctx: RequestContext, provider: str, model: str, verdict: Verdict) -> Verdict:
        if verdict.error is None:
            self._in_flight.tries += 1
            if self._ledger is not None:
                self._ledger.intent(ctx, provider, model)
        return verdict

    def _settle(self, ctx: RequestContext) -> None:
        """Called once a request by the trace wrapper, which empties the list."""
        self._in_flight.requests -= 1
        attempts = ctx.attempts
        if attempts and self._unheard is not None and (len(attempts) > 1 or (ctx.cost_nanos is None and ctx.cost is None)):
            self._unheard(ctx)
        if self._limiter is not None:
            self._limiter.settle(ctx)
        if self._ledger is not None:
            self._ledger.ended(ctx)
