"""Requests that the gateway makes itself."""

from proxy.core.context import RequestContext
from proxy.core.identity import ANONYMOUS
from proxy.core.route import RouteInfo
from proxy.pipeline.background import NoBackground


def test_without_an_application_nothing_is_sent() -> None:
    """And that is said."""
    ctx = RequestContext(RouteInfo(name="/", family="openai"), "t", 0.0)
    assert not NoBackground().start(ctx, ANONYMOUS, b"", path="/", headers={})
