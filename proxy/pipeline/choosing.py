"""Which targets a request may go to, and in what order: the filters, then the entry's strategy.

Where there is nothing to weigh (one target, and no header that says otherwise) the answer was worked out when the route was made.
"""

from random import Random
from typing import TYPE_CHECKING

import msgspec

from proxy.core.context import EVERYBODY
from proxy.core.errors import EdgeError
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.overrides import show_route
from proxy.pipeline.request_facts import facts_of
from proxy.routing.candidate import RequestFacts
from proxy.routing.explain import route_header
from proxy.routing.filters import Sifted, sift
from proxy.routing.rules import FallbackList
from proxy.routing.target import Decision, Route

if TYPE_CHECKING:
    from proxy.pipeline.asked import Asked


def choose(pipe: Pipeline, asked: "Asked", now: float, behind: Route | None = None) -> Decision:
    """`now`: monotonic seconds. `behind`: another entry that the request falls back to; its strategy and rules count then. Raises an
    EdgeError where nobody is left and nothing may stand in."""
    route = asked.route if behind is None else behind
    if route.settled is not None and (behind is None or asked.route.asked is None):
        return route.settled
    return _weighed(pipe, asked, route, now)


def _weighed(pipe: Pipeline, asked: "Asked", route: Route, now: float) -> Decision:
    facts, ctx, own = facts_of(asked, route), asked.ctx, asked.route is route
    sifted = sift(
        route.targets,
        facts,
        now,
        permit=None if ctx.permit is EVERYBODY or not own else ctx.permit,
        tags=required_tags(route, facts.tags) if facts.tags else facts.tags,
        sized=asked.sized,
        to_the_end=bool(route.rules.context_window_fallbacks),
    )
    decision = decided(route, sifted, facts, now, pipe.rng)
    if asked.route.asked is not None and asked.route.asked.debug and own:
        show_route(ctx, route_header(route, decision))
    if sifted.refusal is None:
        return decision
    if own and not route.falls_back:
        raise sifted.refusal
    return msgspec.structs.replace(decision, refusal=sifted.refusal, instead=_instead(route, sifted.refusal))


def _instead(route: Route, refusal: EdgeError) -> FallbackList:
    """Which entries may stand in for a list of which the filters left nobody."""
    too_long = refusal.code == "context_length_exceeded" and route.rules.context_window_fallbacks
    return "context_window_fallbacks" if too_long else "fallbacks"


def decided(route: Route, sifted: Sifted, facts: RequestFacts, now: float, rng: Random) -> Decision:
    """The strategy's word on what the filters have left."""
    rejected = (*route.left_out, *sifted.rejected)
    if sifted.refusal is not None:
        return Decision((), sifted.refusal.message, rejected)
    decision = route.chooser.choose(sifted.usable, facts, now, rng)
    if not rejected and not sifted.resting:
        return decision
    return msgspec.structs.replace(decision, order=decision.order + sifted.resting, rejected=rejected + decision.rejected)


def required_tags(route: Route, tags: frozenset[str]) -> frozenset[str]:
    """Those that a target must have: not the ones that only speak to a rule of `content`."""
    spoken = {tag.lower() for rule in route.rules.content for tag in rule.tags}
    return tags - (spoken - {label for candidate in route.targets for label in candidate.labels})
