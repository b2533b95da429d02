"""The table of handlers."""

from proxy.admin.access import WholeGateway
from proxy.admin.events import KeptEvents
from proxy.admin.handlers import admin_handlers
from proxy.admin.tenant_handlers import tenant_handlers
from proxy.api.handlers import admin_operations
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
            state=lambda: gateway.state,
            signed=lambda: None,
        )
        state = gateway.state
        others = set(
            tenant_handlers(
                settings=lambda: gateway.settings,
                stores=(state.records, state.plan_records, state.usage),
                written=written(state.ledger),
                board=state.board,
                clock=state.clock,
                events=KeptEvents(),
                operations=(),
            )
        )
        assert set(handlers) | others == {"openapi", "docs"} | {handler for _, _, handler, _ in admin_operations()}
        assert not set(handlers) & others
        assert all(isinstance(handler, WholeGateway) for handler in handlers.values())
