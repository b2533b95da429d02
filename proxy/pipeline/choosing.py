"""Which targets a request may go to, and in what order."""

from typing import TYPE_CHECKING

from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import RequestFacts
from proxy.routing.target import Decision, Route

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked


def choose(pipe: Pipeline, asked: "Asked", now: float, route: Route | None = None) -> Decision:
    """`now`: monotonic seconds. `route`: another than the one that was asked for, as a fallback."""
    if route is None:
        route = asked.route
    if route.settled is not None:
        return route.settled
    return pipe.strategies[route.strategy].choose(route.targets, RequestFacts(stream=asked.stream), now, pipe.rng)
