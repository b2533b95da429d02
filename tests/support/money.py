"""The money counters of a running gateway."""

from typing import Any

from proxy.core.claims import Outcome, Reading
from proxy.governance.limits.limiter import Limiter
from tests.support.gateway import Running


def limiter_of(edge: Running) -> Limiter:
    app: Any = edge.gateway._app
    while not hasattr(app, "_limiter"):
        app = app.app
    found = app._limiter
    assert isinstance(found, Limiter)
    return found


async def money(edge: Running) -> Reading:
    """Of the key that asked first, once nothing is in flight: its first budget."""
    await edge.idle()
    limiter = limiter_of(edge)
    ruled = next(ruled for ruled in limiter._book._known.values() if ruled.spends)
    outcome = limiter.store.read(ruled.prepared)
    if not isinstance(outcome, Outcome):
        outcome = await outcome
    return next(reading for reading in outcome.readings if reading.claim in ruled.spends)
