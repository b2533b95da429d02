"""Reports over the ledger: `/v1/admin/usage`, its records, and a tenant's spending in A's shape.

An administrator of one tenant sees that tenant's alone, whatever is asked for.
"""

from collections.abc import Awaitable, Callable
from types import GenericAlias
from typing import Annotated, Any, Literal, cast
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.admin.access import is_global
from proxy.admin.answer import answer, context, parameter
from proxy.core.clock import Clock, utc_iso
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, NotFound
from proxy.core.money import usd
from proxy.governance.metering.periods import month, span
from proxy.governance.metering.report import FOCUS, NUMBERS, as_csv, focus_rows, row_of
from proxy.settings.suggest import did_you_mean
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords
from proxy.storage.usage_rows import FILTERS, GROUPS

MAX_RECORDS = 1000
MAX_FOCUS = 100_000
"""Records behind one export; more need a shorter span."""
QUERY: dict[str, Any] = {
    "by": str,
    "since": str,
    "until": str,
    "format": Literal["json", "csv", "focus"],
    "limit": Annotated[int, Meta(ge=1, le=MAX_RECORDS)],
    "after": str,
    **dict.fromkeys(FILTERS, str),
}
UsageRow = msgspec.defstruct(
    "UsageRow",
    [*((name, str | UnsetType, UNSET) for name in GROUPS), *((name, str if name == "cost_usd" else int) for name in NUMBERS)],
    kw_only=True,
)
"""What it was grouped by, then the sums; money as text, so that nothing of it is rounded."""
UsageReport = msgspec.defstruct(
    "UsageReport", [("by", list[str]), ("since", str), ("until", str), ("rows", GenericAlias(list, (UsageRow,)))]
)


class RecordsPage(msgspec.Struct, frozen=True, kw_only=True):
    records: list[UsageRecord]
    """With `at` as a text."""
    next: str | None
    """For `after`; null: there are no more."""


class TenantUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Of this month, in USD; null where there is no budget."""

    current_spend: float
    monthly_cap: float | None
    remaining: float | None
    usage_percent: float | None


TenantCap = Callable[[str], Awaitable[int | None]]
"""A tenant's monthly budget in nano-USD; None: it has none."""


async def no_cap(tenant: str) -> int | None:
    return None


class UsageRoutes:
    def __init__(self, records: UsageRecords, clock: Clock, written: Callable[[], Awaitable[None]], cap: TenantCap = no_cap) -> None:
        self._records = records
        self._clock = clock
        self._written = written
        self._cap = cap

    def handlers(self) -> dict[str, ASGIApp]:
        """By the names that the table of routes has. Also for administrators of one tenant."""
        return {"admin_usage": self.report, "admin_usage_records": self.records, "admin_tenant_usage": self.tenant}

    async def report(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`?by=key,model&since=30d&until=…&tenant=…&format=json|csv|focus`: sums over groups."""
        ctx = context(scope)
        wanted = _wanted(ctx)
        since, until = span(wanted.get("since"), wanted.get("until"), self._clock.time())
        form = wanted.get("format", "json")
        await self._written()
        if form == "focus":
            rows = focus_rows(await self._all(since, until, _filters(ctx, wanted)))
            await _csv(send, as_csv(rows, FOCUS))
            return
        by = _groups(wanted.get("by", ""))
        sums = await self._records.sums(by, since=since, until=until, filters=_filters(ctx, wanted))
        rows = [row_of(s, by) for s in sums]
        if form == "csv":
            await _csv(send, as_csv(rows, (*by, *NUMBERS)))
        elif form == "json":
            await answer(send, {"by": list(by), "since": utc_iso(since), "until": utc_iso(until), "rows": rows})
        else:
            raise BadRequest("must be json, csv or focus", param="format")

    async def records(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Records themselves, in pages: `?limit=100&after=<id of the last>`."""
        ctx = context(scope)
        wanted = _wanted(ctx)
        since, until = span(wanted.get("since"), wanted.get("until"), self._clock.time())
        limit = _number(wanted.get("limit", "100"))
        await self._written()
        found = await self._records.list(
            since=since, until=until, filters=_filters(ctx, wanted), limit=limit, after=wanted.get("after", "")
        )
        following = found[-1].id if len(found) == limit else None
        await answer(send, {"records": [_shown(record) for record in found], "next": following})

    async def tenant(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`{current_spend, monthly_cap, remaining, usage_percent}` of this month, in USD; null where there is no budget."""
        ctx = context(scope)
        tenant = parameter(ctx, "tenant")
        principal = ctx.principal
        if principal is not None and not is_global(principal) and principal.tenant != tenant:
            raise NotFound(f"no tenant '{tenant[:100]}'")
        _, since, until = month(None, self._clock.time())
        await self._written()
        sums = await self._records.sums((), since=since, until=until, filters={"tenant": tenant})
        spent, cap = sum(s.cost_nanos for s in sums), await self._cap(tenant)
        await answer(
            send,
            TenantUsage(
                current_spend=usd(spent),
                monthly_cap=None if cap is None else usd(cap),
                remaining=None if cap is None else usd(max(0, cap - spent)),
                usage_percent=None if cap is None else round(100 * spent / cap, 2) if cap else 100.0,
            ),
        )

    async def _all(self, since: float, until: float, filters: dict[str, str]) -> list[UsageRecord]:
        found: list[UsageRecord] = []
        while page := await self._records.list(
            since=since, until=until, filters=filters, limit=MAX_RECORDS, after=found[-1].id if found else ""
        ):
            found += page
            if len(found) > MAX_FOCUS:
                raise BadRequest(f"more than {MAX_FOCUS} records: choose a shorter span", param="since")
        return found


def _wanted(ctx: RequestContext) -> dict[str, str]:
    """Raises BadRequest for a parameter that means nothing."""
    wanted = dict(parse_qsl(ctx.query.decode("latin-1"), keep_blank_values=True))
    for name in wanted:
        if name not in QUERY:
            raise BadRequest(f"unknown parameter{did_you_mean(name, QUERY)}", param=name[:40])
    return wanted


def _filters(ctx: RequestContext, wanted: dict[str, str]) -> dict[str, str]:
    filters = {name: value for name, value in wanted.items() if name in FILTERS}
    principal = ctx.principal
    if principal is not None and not is_global(principal):
        filters["tenant"] = principal.tenant
    return filters


def _groups(text: str) -> tuple[GroupBy, ...]:
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    for name in names:
        if name not in GROUPS:
            raise BadRequest(f"unknown group{did_you_mean(name, GROUPS)}: one of {', '.join(GROUPS)}", param="by")
    return cast("tuple[GroupBy, ...]", names)


def _number(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_RECORDS:
        raise BadRequest(f"must be a number from 1 to {MAX_RECORDS}", param="limit")
    return int(text)


def _shown(record: UsageRecord) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(record)
    return shown | {"at": utc_iso(record.at)}


async def _csv(send: Send, text: str) -> None:
    raw = text.encode()
    headers = [(b"content-type", b"text/csv; charset=utf-8"), (b"content-length", b"%d" % len(raw)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
