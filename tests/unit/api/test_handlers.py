"""Handlers of applications' routes."""

from proxy.api.handlers import admin_operations, client_handlers
from proxy.api.routes import TABLE
from proxy.governance.metering.ledger import written
from tests.support.library import in_process


async def test_every_handler_stands_in_the_table() -> None:
    """The rest of the table is what operators and administrators call."""
    async with in_process() as edge:
        state = edge.gateway.state
        made = client_handlers(state.pipeline, lambda: state.pipeline, state.usage, state.clock, written(state.ledger))
    named = {row.handler for row in TABLE}
    assert set(made) <= named
    assert {row.family for row in TABLE if row.handler not in made} == {"ops", "admin", "invoke"}


def test_what_administrators_may_call() -> None:
    """The AWS lab's doors among it, and nothing that applications call."""
    found = {(method, path) for method, path, _, _ in admin_operations()}
    assert {("POST", "/create-key"), ("GET", "/v1/admin/plans")} <= found
    assert ("POST", "/v1/chat/completions") not in found
    assert [reads for method, path, _, reads in admin_operations() if (method, path) == ("POST", "/create-key")] == [True]
