"""The ends of requests on their way to metrics and access log: gathered, and worked off some dozens at a time.

The work of one end costs less right after another's, while its code and data are in the processor's caches, than in the middle of a
request. Nobody sees the delay: a scrape catches up first, and log lines wait for their buffer anyway.
"""

import asyncio

from proxy.core.context import RequestContext
from proxy.telemetry.logs import AccessLog
from proxy.telemetry.metrics import Metrics

WAIT_S = 0.02
BATCH = 64


class RequestMeter:
    """`request_done` belongs to the event loop's thread; without a running loop an end is worked off at once."""

    def __init__(self, metrics: Metrics, access_log: AccessLog | None) -> None:
        self._metrics = metrics
        self._access_log = access_log
        self._ends: list[tuple[RequestContext, float]] = []
        self.request_started = metrics.request_started
        metrics.before_snapshot(self.flush)

    def request_done(self, ctx: RequestContext, seconds: float) -> None:
        self._metrics.active -= 1
        ctx.body, ctx.json = b"", None  # large ones must not wait here
        ends = self._ends
        ends.append((ctx, seconds))
        if len(ends) == 1:
            self._schedule()
        elif len(ends) >= BATCH:
            self.flush()

    def flush(self) -> None:
        ends, self._ends = self._ends, []
        metrics, log = self._metrics, self._access_log
        for ctx, seconds in ends:
            metrics.count_request(ctx, seconds)
            if log is not None and ctx.route.family != "ops":
                log.write(ctx, seconds)

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            loop.call_later(WAIT_S, self.flush)
