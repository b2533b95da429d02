"""Which targets a request may go to."""

from collections.abc import Sequence
from random import Random
from time import monotonic

from proxy.pipeline.choosing import required_tags
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.ordered import Ordered
from proxy.routing.rules import ContentRule, RouteRules
from proxy.routing.target import Decision, Route, RouteTimeouts
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
