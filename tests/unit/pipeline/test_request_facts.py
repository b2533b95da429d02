"""What a choice of targets is told of a request."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from proxy.core.needs import TOOLS
from proxy.pipeline.request_facts import USUAL_OUTPUT, sticky_id
from proxy.routing.candidate import Candidate, RequestFacts
from proxy.routing.target import Decision
from tests.support.gateway import KEY
from tests.support.library import in_process, json_reply, one_provider
from tests.support.upstream import chat

TARGETS = [{"provider": "mine", "model": "a"}, {"provider": "mine", "model": "b"}]


class Curious:
    """A strategy of somebody else's making, which remembers what it was told."""

    def __init__(self) -> None:
        self.facts: list[RequestFacts] = []

    def choose(self, candidates: Sequence[Candidate], facts: RequestFacts, now: float, rng: Random) -> Decision:
        self.facts.append(facts)
        return Decision(tuple(candidates), "as they came")


async def told(headers: dict[str, str] | None = None, entry: dict[str, Any] | None = None, **body: Any) -> RequestFacts:
    curious = Curious()
    config = one_provider(models={"m": {"targets": TARGETS, "strategy": "own:curious", **(entry or {})}})
    async with in_process(json_reply(chat()), config=config, strategies={"curious": curious}) as edge:
        answer = await edge.chat("Some SQL", model="m", headers=headers, **body)
        assert answer.status_code == 200, answer.text
    (facts,) = curious.facts
    return facts


async def test_a_strategy_of_ones_own_is_told_everything() -> None:
    """Size, needs, text, turn, stickiness, headers; but no credentials."""
    facts = await told(
        {"x-tier": "gold", "x-llm-edge-tags": "A"},
        {"sticky": "user", "targets": [{**target, "tags": ["a"]} for target in TARGETS]},
        tools=[{"type": "function", "function": {"name": "f"}}],
        max_tokens=33,
        user="ada",
    )
    assert facts.prompt_tokens > 10
    assert (facts.output_tokens, facts.output_cap, facts.needs, facts.stream) == (33, 33, TOOLS, False)
    assert (facts.sticky, facts.turn, facts.text, facts.tags) == ("ada", 0, "some sql", frozenset({"a"}))
    headers = dict(facts.headers)
    assert headers["x-tier"] == "gold"
    assert KEY not in str(headers)


async def test_an_unbounded_answer_is_guessed() -> None:
    """For its price, not for the context window."""
    facts = await told()
    assert (facts.output_tokens, facts.output_cap) == (USUAL_OUTPUT, 0)


async def test_only_what_is_wanted_is_found_out() -> None:
    """A strategy that looks at nothing costs nothing."""
    config = one_provider(
        models={
            "m": {"targets": TARGETS, "strategy": "content", "rules": [{"when": {"headers": {"X-Tier": "gold"}}, "targets": ["mine/b"]}]}
        }
    )
    async with in_process(json_reply(chat()), json_reply(chat()), config=config) as edge:
        route = edge.gateway.state.pipeline.routes.resolve("m")
        assert route.wants == 32
        await edge.chat(model="m", headers={"x-tier": "gold", "x-other": "1"})
        await edge.chat("again", model="m")
        assert [json.loads(call.body or b"")["model"] for call in edge.sent] == ["b", "a"]


class Context:
    """As far as stickiness looks."""

    principal = None
    headers: dict[bytes, bytes] = {b"x-user": b"ada"}


@pytest.mark.parametrize(
    ("by", "body", "expected"),
    [
        ("key", {}, ""),
        ("user", {"user": "u", "safety_identifier": "s"}, "u"),
        ("user", {"safety_identifier": "s"}, "s"),
        ("user", {"user": 3, "metadata": {"user_id": "m"}}, "m"),
        ("user", {"requestMetadata": {"user_id": "r"}}, "r"),
        ("user", {"metadata": 3, "labels": {"user_id": ""}}, ""),
        ("header:x-user", {}, "ada"),
        ("header:x-other", {}, ""),
    ],
)
def test_who_is_sticky(by: str, body: dict[str, Any], expected: str) -> None:
    """Every dialect has a place for the user; what is not said is nobody."""
    assert sticky_id(by, Context(), body) == expected  # type: ignore[arg-type]


async def test_a_key_is_sticky_by_its_id() -> None:
    """Never by itself."""
    facts = await told(entry={"sticky": "key"})
    assert facts.sticky.startswith("key_")
