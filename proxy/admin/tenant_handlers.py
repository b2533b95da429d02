"""The admin API's handlers that administrators of one tenant may use, too, and its description, by their names in the table of routes."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.types import ASGIApp

from proxy.admin.api_keys import ApiKeyRoutes
from proxy.admin.events import AdminEvents
from proxy.admin.openapi import Described, Operation
from proxy.admin.plans import PlanRoutes
from proxy.admin.usage import UsageRoutes
from proxy.core.clock import Clock
from proxy.settings import Settings
from proxy.storage.hot.board import Board
from proxy.storage.plans import PlanRecords
from proxy.storage.records import KeyRecords
from proxy.storage.usage import UsageRecords


def tenant_handlers(
    *,
    settings: Callable[[], Settings],
    stores: tuple[KeyRecords, PlanRecords, UsageRecords],
    written: Callable[[], Awaitable[None]],
    board: Board,
    clock: Clock,
    events: AdminEvents,
    operations: Iterable[Operation],
) -> dict[str, ASGIApp]:
    """`settings`: those in force; `written()`: when everything that has ended is in the ledger; `operations`:
    method, path, handler's name, whether it reads a body."""
    keys, plans, usage = stores
    plan_routes = PlanRoutes(plans, keys, board, clock, events, lambda: settings().auth.key_cache_ttl_s)
    return {
        **UsageRoutes(usage, clock, written, plan_routes.tenant_cap).handlers(),
        **ApiKeyRoutes(settings, keys, board, clock, events).handlers(),
        **plan_routes.handlers(),
        **Described(operations).handlers(),
    }
