"""The table of handlers."""

from proxy.admin.access import WholeGateway
from proxy.admin.handlers import admin_handlers
from proxy.admin.usage import UsageRoutes
from proxy.api.routes import TABLE
from proxy.governance.metering.ledger import written
from proxy.pipeline.explaining import explain_now
from tests.support.admin import administered


async def test_every_admin_row_has_a_guarded_handler() -> None:
    """And there is no handler without a row."""
    async with administered() as edge:
        gateway = edge.gateway
        handlers = admin_handlers(
            settings=lambda: gateway.settings,
            pipeline=lambda: gateway.state.pipeline,
            loaded_at=lambda: 0.0,
            clock=gateway.state.clock,
            overlays=gateway._overlays,
            reload=None,
            explain=explain_now,
            usage=UsageRoutes(gateway.state.usage, gateway.state.clock, written(gateway.state.ledger)),
        )
        assert set(handlers) == {row.handler for row in TABLE if row.family == "admin"}
        own_tenant = {"admin_usage", "admin_usage_records", "admin_tenant_usage"}
        assert {name for name, handler in handlers.items() if not isinstance(handler, WholeGateway)} == own_tenant
