"""Handlers that administrators of one tenant may use, too: they see one and the same stores."""

import re
from typing import Any

import orjson
import pytest
from starlette.types import ASGIApp

from proxy.admin.events import KeptEvents
from proxy.admin.tenant_handlers import tenant_handlers
from proxy.api.handlers import admin_operations
from proxy.api.routes import TABLE
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import NotFound
from proxy.core.identity import Principal
from proxy.core.route import RouteInfo
from proxy.storage.hot.board import LocalBoard
from proxy.storage.plans_memory import MemoryPlans
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.usage import UsageRecord
from proxy.storage.usage_memory import MemoryUsage
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.gateway import settings

OPS = Principal(key_id="ops", tenant="ops", role="admin")
ACME = Principal(key_id="a", tenant="acme", role="admin")
USAGE = "/v1/admin/tenants/{}/usage"
BUDGET = "/v1/admin/tenants/{}/budget"


class Desk:
    def __init__(self) -> None:
        self.clock, self.events, self.usage = FakeClock(), KeptEvents(), MemoryUsage()
        self.board, self.waiting = LocalBoard(self.clock), list[UsageRecord]()
        self.handlers = tenant_handlers(
            settings=settings,
            stores=(MemoryRecords(), MemoryPlans(), self.usage),
            written=self._written,
            board=self.board,
            clock=self.clock,
            events=self.events,
            operations=admin_operations(),
        )

    async def _written(self) -> None:
        await self.usage.add(self.waiting)

    async def call(self, name: str, path: str, principal: Principal = OPS, *, query: str = "", body: Any = None) -> Any:
        row = next(row for row in TABLE if row.handler == name)
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", row.path))
        ctx = RequestContext(RouteInfo(name=name, family="admin", pattern=pattern), "0" * 32, 0.0)
        ctx.raw_path, ctx.query, ctx.principal, ctx.json = path, query.encode(), principal, body or {}
        return await _answer(self.handlers[name], {SCOPE_KEY: ctx, "type": "http"})


async def _answer(app: ASGIApp, scope: Any) -> Any:
    parts: list[bytes] = []

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await app(scope, receive, send)
    return orjson.loads(b"".join(parts))


def test_they_are_what_the_table_names_for_them() -> None:
    """Every one has a row of the administrators' family; those of the whole gateway (its configuration, its cache) are not among them."""
    rows = {row.handler for row in TABLE if row.family == "admin" or row.admin}
    found = set(Desk().handlers)
    assert found <= rows | {"openapi", "docs"}
    assert {
        "admin_plans",
        "admin_keys",
        "admin_usage",
        "admin_tenant_budget",
        "create_plan_key",
        "revoke_plan_key",
        "openapi",
        "docs",
    } <= found
    assert not {"admin_config", "admin_reload", "admin_weights", "admin_drain", "admin_cache_clear"} & found


async def test_a_budget_that_is_set_is_shown_beside_what_was_spent() -> None:
    """By two routes over one store of plans; the ledger is asked when all that has ended is in it. Every process is told."""
    desk = Desk()
    desk.waiting.append(UsageRecord(id="r", at=desk.clock.time(), tenant="acme", cost_nanos=2_500_000_000))
    assert (await desk.call("admin_tenant_budget", BUDGET.format("acme"), query="monthly_cap=10"))["monthly_cap"] == 10
    shown = await desk.call("admin_tenant_usage", USAGE.format("acme"))
    assert shown == {"current_spend": 2.5, "monthly_cap": 10.0, "remaining": 7.5, "usage_percent": 25.0}
    assert [event.action for event in desk.events.events] == ["plan.created"]
    told: list[str] = []
    desk.board.watch("plan:", lambda field, value: told.append(field))
    await eventually(lambda: told == ["plan:acme"])


async def test_another_tenants_are_not_there() -> None:
    desk = Desk()
    for name, path, query in (("admin_tenant_usage", USAGE, ""), ("admin_tenant_budget", BUDGET, "monthly_cap=1")):
        with pytest.raises(NotFound):
            await desk.call(name, path.format("other"), ACME, query=query)
        await desk.call(name, path.format("acme"), ACME, query=query)


async def test_it_describes_the_operations_that_it_is_given() -> None:
    shown = await _answer(Desk().handlers["openapi"], {"type": "http", "method": "GET", "headers": []})
    assert {"/create-key", "/revoke-key", "/v1/admin/plans"} <= set(shown["paths"])
