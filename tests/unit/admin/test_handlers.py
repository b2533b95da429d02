"""The table of handlers."""

from proxy.admin.access import WholeGateway
from proxy.admin.api_keys import ApiKeyRoutes
from proxy.admin.events import KeptEvents
from proxy.admin.handlers import admin_handlers
from proxy.admin.usage import UsageRoutes
from proxy.api.routes import TABLE
from proxy.governance.metering.ledger import written
from proxy.pipeline.explaining import explain_now
from tests.support.admin import administered


async def test_every_admin_row_has_a_guarded_handler() -> None:
    """And there is no handler without a row; what tenants' administrators may do, too, stands in tables of its own."""
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
        )
        mine = ApiKeyRoutes(lambda: gateway.settings, gateway.state.records, gateway.state.board, gateway.state.clock, KeptEvents())
        usage = UsageRoutes(gateway.state.usage, gateway.state.clock, written(gateway.state.ledger))
        others = {*mine.handlers(), *usage.handlers()}
        assert set(handlers) | others == {row.handler for row in TABLE if row.family == "admin"}
        assert not set(handlers) & others
        assert all(isinstance(handler, WholeGateway) for handler in handlers.values())
