"""Load shedding: when the gateway itself cannot keep up, the newest requests are refused at once, cheaply, so that the others stay fast.

How many requests may be in flight is found by additive increase and multiplicative decrease (as TCP finds its window) on the lateness of
the event loop, which is how long everything that is ready has to wait:

    late more than lag_s, on average       limit = 4/5 of what is in flight, not below the minimum; at most once a PERIOD_S
    not late, and near the limit           limit + 5 %, at least 8
    else                                   as it was

Idle waiting for providers makes no lateness, so thousands of streams pass where a few hundred requests with bodies of megabytes may be too
many. Nothing is refused before the loop has been late. Fails open: without samples there is no limit. Probes, metrics and admin routes
are never refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Unavailable
from proxy.settings.server import SheddingSettings

PERIOD_S = 1.0
SAMPLE_S = 0.1
SMOOTHING = 0.3
"""Share of the newest sample in the mean."""
PAUSE = 2
"""A sample counts at most as so many times the bound: one pause of the machine, however long, is no overload, two late samples are."""
UNBOUNDED = 1_000_000


class Overloaded(Unavailable):
    """The gateway has more than it can do."""

    code = "overloaded"


class AdaptiveLimit:
    """Pure; `now` in monotonic seconds. `hard`: never more than this, late or not."""

    def __init__(self, *, lag_s: float = 0.25, minimum: int = 32, hard: int | None = None) -> None:
        self._lag_s = lag_s
        self._minimum = minimum
        self._hard = UNBOUNDED if hard is None else hard
        self.limit = self._hard
        """Requests in flight."""
        self.mean_s = 0.0
        self._changed = float("-inf")

    def observe(self, late_s: float, in_flight: int, now: float) -> None:
        """One sample of the loop's lateness."""
        self.mean_s += SMOOTHING * (min(late_s, PAUSE * self._lag_s) - self.mean_s)
        if now - self._changed < PERIOD_S:
            return
        if self.mean_s > self._lag_s:
            self.limit = max(self._minimum, min(self.limit, in_flight * 4 // 5))
            self._changed = now
        elif self.mean_s < self._lag_s / 2 and self.limit < self._hard and in_flight > self.limit * 4 // 5:
            self.limit = min(self._hard, self.limit + max(8, self.limit // 20))
            self._changed = now
        elif self.mean_s < self._lag_s / 2 and in_flight < self.limit // 2:
            self.limit = self._hard  # the rush is over
            self._changed = now


class Shedder:
    """`active`: requests in flight now; `on_shed` is told of each refusal."""

    def __init__(self, limit: AdaptiveLimit, active: Callable[[], int], rng: Random, on_shed: Callable[[], None]) -> None:
        self.limit = limit
        self.active = active
        self._rng = rng
        self._on_shed = on_shed

    def check(self, ctx: RequestContext) -> None:
        """Raises Overloaded. The request that asks is one of those in flight already."""
        if self.active() > self.limit.limit:
            ctx.body_unread = True
            self._on_shed()
            raise Overloaded(
                "the gateway has more requests than it can serve just now: try again",
                retry_after_s=1.0 + self._rng.random(),
                retryable=True,
            )

    def observe(self, late_s: float, now: float) -> None:
        self.limit.observe(late_s, self.active(), now)


class Shedding:
    """The shedder of a process: what it has found outlives a reload that leaves its settings alone."""

    def __init__(self, active: Callable[[], int], on_shed: Callable[[], None]) -> None:
        self._active = active
        self._on_shed = on_shed
        self._settings: SheddingSettings | None = None
        self.shedder: Shedder | None = None
        """None: it is off."""

    def configured(self, settings: SheddingSettings) -> Shedder | None:
        if settings != self._settings:
            limit = AdaptiveLimit(lag_s=settings.lag_ms / 1e3, minimum=settings.min_in_flight, hard=settings.max_in_flight)
            rng = Random()  # noqa: S311 - jitter
            self.shedder = Shedder(limit, self._active, rng, self._on_shed) if settings.enabled else None
            self._settings = settings
        return self.shedder

    async def watch(self) -> None:
        """For ever: tells the shedder how late the loop is."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            if self.shedder is not None:
                now = loop.time()
                self.shedder.observe(max(0.0, now - due), now)


class SheddingMiddleware:
    def __init__(self, app: ASGIApp, *, shedder: Shedder) -> None:
        self.app = app
        self._check = shedder.check
        self._limit, self._active = shedder.limit, shedder.active

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            # The same question as `check` asks: without its frame for all who may pass.
            if (ctx.route.dialect is not None or ctx.route.takes_nothing) and self._active() > self._limit.limit:
                self._check(ctx)
        return self.app(scope, receive, send)
