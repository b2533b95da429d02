"""`GET /v1/usage`: what the caller's own key has used in a month, in the agent gateway's shape (COMPAT.md, C)."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.clock import Clock
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Unauthenticated
from proxy.core.money import usd
from proxy.governance.metering.periods import month
from proxy.storage.usage import UsageRecords

DIRECT = "direct"
"""What calls without an agent are listed as."""


class OwnUsage:
    def __init__(self, records: UsageRecords, clock: Clock, written: Callable[[], Awaitable[None]]) -> None:
        """`written`: sees to it that what has ended is on its way to `records`."""
        self._records = records
        self._clock = clock
        self._written = written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`{client_id, period, total_requests, total_cost_usd, by_agent}`; `?period=2026-11`, else this month."""
        ctx: RequestContext = scope[SCOPE_KEY]
        if ctx.principal is None:
            raise Unauthenticated("Invalid or expired API key")
        wanted = dict(parse_qsl(ctx.query.decode("latin-1")))
        name, since, until = month(wanted.get("period"), self._clock.time())
        await self._written()
        sums = await self._records.sums(("agent",), since=since, until=until, filters={"key": ctx.principal.key_id})
        await send_json(
            send,
            200,
            {
                "client_id": ctx.principal.key_id,
                "period": name,
                "total_requests": sum(s.requests for s in sums),
                "total_cost_usd": usd(sum(s.cost_nanos for s in sums)),
                "by_agent": {
                    s.group[0] or DIRECT: {
                        "requests": s.requests,
                        "tokens": s.input_tokens + s.cache_read_tokens + s.cache_write_tokens + s.output_tokens,
                        "cost": usd(s.cost_nanos),
                    }
                    for s in sums
                },
            },
        )
