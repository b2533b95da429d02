"""Handlers that administrators of one tenant may use, too."""

from proxy.admin.tenant_handlers import tenant_handlers
from proxy.api.routes import TABLE


def test_it_makes_what_the_table_names() -> None:
    """Checked by the router of every gateway; here: that it is all there is to call."""
    assert callable(tenant_handlers)
    assert {"openapi", "docs"} <= {row.handler for row in TABLE}
