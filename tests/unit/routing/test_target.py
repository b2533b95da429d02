"""The records that routing sees."""

import msgspec

from proxy.routing.candidate import Candidate
from proxy.routing.gate import Gate, GateRules
from proxy.routing.ordered import Ordered
from proxy.routing.rules import HedgeRules, RetryRules, RouteRules
from proxy.routing.target import Decision, Rejected, Route, RouteTimeouts, Target, Wishes
from tests.support.routing import candidate


def test_a_targets_id_is_provider_and_model() -> None:
    """Its weight is no part of it: cooldowns and metrics survive a reweighting."""
    assert Target("p", "a/b", 2.0).id == Target("p", "a/b").id == "p/a/b"


def test_fewer_targets_of_a_route_say_who_is_missing() -> None:
    """With one left there is nothing to weigh, unless the request has wishes of its own."""
    a, b = candidate("a"), candidate("b")
    route = Route(name="r", strategy="model", targets=(a, b), timeouts=RouteTimeouts(), digest="d", chooser=Ordered())
    only = route.only((b,), "no embeddings")
    assert only.settled is not None
    assert only.left_out == (Rejected(a, "no embeddings"),)
    asked = msgspec.structs.replace(route, asked=Wishes(tags=frozenset({"eu"})))
    assert asked.only((b,)).settled is None


def test_a_sole_target_is_one_that_nothing_can_come_before() -> None:
    """Made out anew whenever the route is changed."""
    target = candidate("a")
    route = Route(
        name="r",
        strategy="model",
        targets=(target,),
        timeouts=RouteTimeouts(),
        digest="d",
        chooser=Ordered(),
        settled=Decision((target,), "the only target"),
    )
    assert route.sole is target
    for change in (
        {"settled": None},
        {"falls_back": True},
        {"rules": RouteRules(hedge=HedgeRules())},
        {"rules": RouteRules(continue_streams=True)},
        {"rules": RouteRules(retry=RetryRules(attempts=0))},
        {"settled": Decision((), "nobody")},
    ):
        assert msgspec.structs.replace(route, **change).sole is None
    bounded = Candidate(Target("a", "m"), gate=Gate(GateRules(concurrency=1)))
    assert msgspec.structs.replace(route, settled=Decision((bounded,), "the only target")).sole is None
