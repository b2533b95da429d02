"""Which targets a request may go to, and in what order."""

from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.routing.candidate import RequestFacts
from proxy.routing.target import Decision


def choose(pipe: Pipeline, asked: Asked, now: float) -> Decision:
    """`now`: monotonic seconds."""
    route = asked.route
    if route.settled is not None:
        return route.settled
    return pipe.strategies[route.strategy].choose(route.targets, RequestFacts(stream=asked.stream), now, pipe.rng)
