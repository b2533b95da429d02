"""Which targets a request may go to."""

import json
from collections.abc import Sequence
from random import Random
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.core.context import ALLOWED, EVERYBODY, Verdict
from proxy.core.errors import BadRequest, Forbidden
from proxy.pipeline.choosing import choose, required_tags
from proxy.routing.candidate import Candidate, ModelFacts, RequestFacts
from proxy.routing.ordered import Ordered
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.strategies import TOKENS
from proxy.routing.target import Decision, Route, RouteTimeouts, Wishes
from tests.support.library import in_process, json_reply, one_provider
from tests.support.routing import candidate
from tests.support.upstream import chat


class Asked:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.candidates: list[list[str]] = []

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        self.candidates.append([candidate.model for candidate in candidates])
        return Decision(tuple(candidates), "as they came")


ONE = {"targets": [{"provider": "mine", "model": "a"}], "strategy": "weighted"}
TWO = {"targets": [{"provider": "mine", "model": "a"}, {"provider": "mine", "model": "b"}], "strategy": "weighted"}


async def test_a_strategy_is_asked_where_there_is_a_choice() -> None:
    """With one target there is none."""
    asked = Asked()
    config = one_provider(models={"one": ONE, "two": TWO})
    async with in_process(json_reply(chat()), json_reply(chat()), config=config, strategies={"weighted": asked}) as edge:
        await edge.chat(model="one")
        assert asked.candidates == []
        await edge.chat(model="two")
        assert asked.candidates == [["a", "b"]]


async def test_who_rests_is_not_offered_but_comes_last() -> None:
    """The strategy orders the others; where all rest it orders them all."""
    asked = Asked()
    config = one_provider(models={"two": TWO})
    async with in_process(lambda _: json_reply(chat()), config=config, strategies={"weighted": asked}) as edge:
        pipe = edge.gateway.state.pipeline
        a, b = pipe.routes.resolve("two").targets
        pipe.health.away(a.stats, monotonic() + 60, "throttled", monotonic())
        assert (await edge.chat(model="two")).headers["x-llm-edge-model"] == "b"
        pipe.health.away(b.stats, monotonic() + 60, "throttled", monotonic())
        assert (await edge.chat("other", model="two")).status_code == 200
        assert asked.candidates == [["b"], ["a", "b"]]


async def test_a_drained_target_alone_is_refused_without_a_call() -> None:
    """By the attempts, which know for how long: 503."""
    async with in_process(config=one_provider(models={"two": TWO})) as edge:
        pipe = edge.gateway.state.pipeline
        for target in pipe.routes.resolve("two").targets:
            pipe.health.drain(target.stats, True, monotonic())
        answer = await edge.chat(model="two")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "targets_resting")
        assert edge.sent == []


def test_tags_that_speak_to_rules_are_none_of_the_targets() -> None:
    """Unless a target has them as well."""
    rules = RouteRules(content=(ContentRule(targets=("a/m",), tags=("Code", "eu")),))
    a, b = candidate("a", tags=("eu",)), candidate("b")
    route = Route(name="r", strategy="content", targets=(a, b), timeouts=RouteTimeouts(), digest="d", chooser=Ordered(), rules=rules)
    assert required_tags(route, frozenset({"code", "eu", "fast"})) == {"eu", "fast"}


async def test_who_rests_is_tried_when_the_others_have_failed() -> None:
    """One that merely asked for less is better than none."""
    config = one_provider(models={"two": TWO})
    async with in_process(json_reply({"error": {"message": "down"}}, 500), json_reply(chat()), config=config) as edge:
        pipe = edge.gateway.state.pipeline
        a, _ = pipe.routes.resolve("two").targets
        pipe.health.away(a.stats, monotonic() + 60, "throttled", monotonic())
        answer = await edge.chat(model="two")
        assert (answer.status_code, answer.headers["x-llm-edge-model"]) == (200, "a")
        assert [json.loads(call.body or b"")["model"] for call in edge.sent] == ["b", "a"]


def asked_for(route: Route, **more: Any) -> Any:
    """As far as `choose` looks."""
    ctx = SimpleNamespace(permit=EVERYBODY, headers={}, headers_out=[], body=b"x" * 40_000, principal=None)
    asked = SimpleNamespace(route=route, ctx=ctx, body={}, stream=False, sized=True)
    for name, value in more.items():
        setattr(ctx if hasattr(ctx, name) else asked, name, value)
    return asked


def route_of(*targets: Candidate, name: str = "r", **more: Any) -> Route:
    return Route(name=name, strategy="model", targets=targets, timeouts=RouteTimeouts(), digest="d", chooser=Ordered(), **more)


PIPE: Any = SimpleNamespace(rng=Random(1))
SMALL = candidate("small", facts=ModelFacts(context_tokens=1000))


def test_a_key_gets_what_it_may_use() -> None:
    """Of its own entry; what it may use of an entry behind that is for those to say who lead there."""

    def permit(provider: str, model: str) -> Verdict:
        return ALLOWED if provider == "b" else Verdict(Forbidden("not that"))

    a, b = candidate("a"), candidate("b")
    asked = asked_for(route_of(a, b), permit=permit)
    assert choose(PIPE, asked, 0.0).order == (b,)
    assert choose(PIPE, asked, 0.0, route_of(a, b, name="behind")).order == (a, b)
    with pytest.raises(Forbidden, match="not that"):
        choose(PIPE, asked_for(route_of(a, a), permit=permit), 0.0)


def test_a_prompt_that_fits_nowhere() -> None:
    """Is refused, unless another entry waits for it, or it is none that has to fit."""
    route = route_of(SMALL, SMALL, wants=TOKENS)
    with pytest.raises(BadRequest, match="maximum context length is 1000"):
        choose(PIPE, asked_for(route), 0.0)
    assert choose(PIPE, asked_for(route, sized=False), 0.0).order == (SMALL, SMALL)
    patient = route_of(SMALL, SMALL, wants=TOKENS, rules=RouteRules(context_window_fallbacks=("long",)))
    assert choose(PIPE, asked_for(patient), 0.0).order == (SMALL, SMALL)


def test_an_entry_behind_is_narrowed_by_the_requests_tags() -> None:
    """Also where it has one target, which would have nothing to weigh."""
    eu, us = candidate("eu", region="eu"), candidate("us", region="us")
    asked = asked_for(route_of(eu, us, asked=Wishes(tags=frozenset({"region=eu"}))))
    behind = route_of(us, settled=Decision((us,), "the only target"))
    assert choose(PIPE, asked, 0.0).order == (eu,)
    narrowed = choose(PIPE, asked, 0.0, behind)
    assert narrowed.order == ()
    assert "no target of this model has region=eu" in narrowed.reason
    assert choose(PIPE, asked_for(route_of(eu, us)), 0.0, behind).order == (us,)
