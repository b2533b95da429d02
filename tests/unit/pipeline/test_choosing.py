"""Which targets a request may go to."""

from collections.abc import Sequence
from random import Random

from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Decision
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat


class Asked:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.facts: list[RequestFacts] = []

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        self.facts.append(facts)
        return Decision(tuple(candidates), "as they came")


async def test_a_strategy_is_asked_where_there_is_a_choice() -> None:
    """With one target there is none."""
    one = {"targets": [{"provider": "mine", "model": "a"}], "strategy": "weighted"}
    two = {"targets": [{"provider": "mine", "model": "a"}, {"provider": "mine", "model": "b"}], "strategy": "weighted"}
    asked = Asked()
    config = one_provider(models={"one": one, "two": two})
    async with in_process(json_reply(chat()), json_reply(chat()), config=config, strategies={"weighted": asked}) as edge:
        await edge.chat(model="one")
        assert asked.facts == []
        await edge.chat(model="two")
        assert len(asked.facts) == 1
