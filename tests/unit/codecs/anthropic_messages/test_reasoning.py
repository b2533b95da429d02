"""Effort, thinking and sampling for a model."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages.models import ModelFacts
from proxy.codecs.anthropic_messages.reasoning import encode_reasoning, encode_sampling
from proxy.core.request import ChatRequest, Reasoning, Tool, ToolChoice

NONE = ModelFacts(thinking="none")
BUDGET = ModelFacts(thinking="budget", sampling="one")
ADAPTIVE = ModelFacts(thinking="adaptive", sampling="one")
NEWEST = ModelFacts(thinking="adaptive", thinks_unasked=True, sampling="none")


def asked(reasoning: Reasoning | None = None, **fields: Any) -> ChatRequest:
    return ChatRequest(
        dialect="openai_chat", model="m", messages=(), reasoning=reasoning, paths={"reasoning": "reasoning_effort"}, **fields
    )


def encode(facts: ModelFacts, request: ChatRequest) -> tuple[dict[str, Any], int | None, list[str]]:
    dropped: list[str] = []
    made = encode_reasoning(request, facts, 4096, dropped)
    assert made.thinking is ("thinking" in made.fields)
    return made.fields, made.max_tokens, dropped


def thinking(budget: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


@pytest.mark.parametrize("reasoning", [None, Reasoning(), Reasoning(extra={"summary": "auto"})])
def test_nothing_asked_nothing_sent(reasoning: Reasoning | None) -> None:
    """The model's own habit holds."""
    assert encode(NEWEST, asked(reasoning)) == ({}, None, [])


@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16384), ("xhigh", 24576), ("max", 32000)]
)
def test_effort_is_a_budget_on_older_models(effort: str, budget: int) -> None:
    """Reported, as it is only near. Without a limit of the client's the default is added on top."""
    assert encode(BUDGET, asked(Reasoning(effort=effort))) == (thinking(budget), budget + 4096, ["reasoning_effort"])


@pytest.mark.parametrize(
    ("limit", "fields", "dropped"),
    [
        (64000, thinking(16384), []),
        (17408, thinking(16384), []),
        (4096, thinking(3072), ["reasoning_effort"]),
        (2048, thinking(1024), ["reasoning_effort"]),
        (2047, {}, ["reasoning_effort"]),
    ],
)
def test_budget_leaves_room_for_the_answer(limit: int, fields: dict[str, Any], dropped: list[str]) -> None:
    """`max_tokens` holds what the client said; the budget is cut to fit, or thinking is left out, both reported."""
    got, max_tokens, reported = encode(BUDGET, asked(Reasoning(mode="enabled", budget_tokens=16384), max_tokens=limit))
    assert (got, reported) == (fields, dropped)
    assert max_tokens == (limit if fields else None)


@pytest.mark.parametrize(
    ("effort", "sent", "dropped"), [("low", "low", []), ("xhigh", "xhigh", []), ("minimal", "low", ["reasoning_effort"])]
)
def test_effort_is_an_effort_on_newer_models(effort: str, sent: str, dropped: list[str]) -> None:
    """With adaptive thinking; `minimal` is approximated."""
    assert encode(ADAPTIVE, asked(Reasoning(effort=effort))) == (
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": sent}},
        None,
        dropped,
    )


@pytest.mark.parametrize("reasoning", [Reasoning(effort="none"), Reasoning(mode="disabled"), Reasoning(mode="disabled", effort="high")])
def test_off(reasoning: Reasoning) -> None:
    """Nothing is sent to models that think on demand; those that think unasked get the lowest effort, reported."""
    for facts in (NONE, BUDGET, ADAPTIVE):
        assert encode(facts, asked(reasoning)) == ({}, None, [])
    assert encode(NEWEST, asked(reasoning)) == ({"output_config": {"effort": "low"}}, None, ["reasoning_effort"])


def test_model_that_cannot_think() -> None:
    """The wish is reported."""
    assert encode(NONE, asked(Reasoning(effort="high"))) == ({}, None, ["reasoning_effort"])


def test_unknown_effort() -> None:
    """A word that no model knows is reported, not guessed."""
    assert encode(ADAPTIVE, asked(Reasoning(effort="enormous"))) == ({}, None, ["reasoning_effort"])


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        (BUDGET, thinking(5000)),
        (ADAPTIVE, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}),
    ],
)
def test_budget_of_another_dialect(facts: ModelFacts, fields: dict[str, Any]) -> None:
    """A budget stays one where the model has budgets, else it is the next effort."""
    assert encode(facts, asked(Reasoning(mode="enabled", budget_tokens=5000), max_tokens=20000))[0] == fields


def test_budget_over_every_effort_is_the_highest() -> None:
    """There is no effort above `max`."""
    assert encode(ADAPTIVE, asked(Reasoning(budget_tokens=100_000, mode="enabled")))[0]["output_config"] == {"effort": "max"}


def test_small_budget_is_raised_to_the_api_s_least() -> None:
    """And reported where the client named the limit."""
    assert encode(BUDGET, asked(Reasoning(mode="enabled", budget_tokens=100))) == (thinking(1024), 1024 + 4096, [])
    assert encode(BUDGET, asked(Reasoning(mode="enabled", budget_tokens=100), max_tokens=9000))[2] == ["reasoning_effort"]


def test_adaptive_without_effort() -> None:
    """Both model generations get what they understand."""
    assert encode(ADAPTIVE, asked(Reasoning(mode="adaptive")))[0] == {"thinking": {"type": "adaptive"}}
    assert encode(BUDGET, asked(Reasoning(mode="adaptive")))[0] == thinking(8192)


@pytest.mark.parametrize("mode", ["required", "named", "allowed"])
def test_forced_tool_excludes_thinking(mode: Any) -> None:
    """The tool is what the client insists on; an effort can still be sent to the models that have one."""
    choice = ToolChoice(mode=mode, names=("f",), allowed_mode="required")
    request = asked(Reasoning(effort="high"), tools=(Tool(name="f"),), tool_choice=choice)
    assert encode(BUDGET, request) == ({}, None, ["reasoning_effort"])
    assert encode(ADAPTIVE, request) == ({"output_config": {"effort": "high"}}, None, [])
    unnamed = asked(Reasoning(mode="adaptive"), tools=(Tool(name="f"),), tool_choice=choice)
    assert encode(ADAPTIVE, unnamed) == ({}, None, ["reasoning_effort"])


def test_choice_that_forces_nothing() -> None:
    """`auto`, or a choice without tools, leaves thinking alone."""
    assert "thinking" in encode(ADAPTIVE, asked(Reasoning(effort="low"), tools=(Tool(name="f"),), tool_choice=ToolChoice(mode="auto")))[0]
    assert "thinking" in encode(ADAPTIVE, asked(Reasoning(effort="low"), tool_choice=ToolChoice(mode="required")))[0]


BOTH = ModelFacts()


@pytest.mark.parametrize(
    ("facts", "thinks", "given", "sent", "dropped"),
    [
        (BOTH, False, {"temperature": 0.2, "top_p": 0.5, "top_k": 5}, {"temperature": 0.2, "top_p": 0.5, "top_k": 5}, []),
        (BOTH, False, {"temperature": 1.7}, {"temperature": 1}, ["temperature"]),
        (BUDGET, False, {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}, ["top_p"]),
        (BUDGET, False, {"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}, []),
        (BUDGET, False, {"top_p": 0.5}, {"top_p": 0.5}, []),
        (NEWEST, False, {"temperature": 0.2, "top_p": 0.5, "top_k": 5}, {}, ["temperature", "top_p", "top_k"]),
        (NEWEST, False, {"temperature": 1, "top_p": 1}, {}, []),
        (BUDGET, True, {"temperature": 0.2, "top_k": 5}, {}, ["temperature", "top_k"]),
        (BUDGET, True, {"temperature": 1}, {"temperature": 1}, []),
        (BOTH, True, {"top_p": 0.5}, {}, ["top_p"]),
        (BOTH, True, {"top_p": 0.95}, {"top_p": 0.95}, []),
    ],
)
def test_sampling(facts: ModelFacts, thinks: bool, given: dict[str, Any], sent: dict[str, Any], dropped: list[str]) -> None:
    """What the model takes is sent; what it would refuse is reported, unless it asks for the default anyway."""
    reported: list[str] = []
    assert encode_sampling(asked(**given), facts, thinks, reported) == sent
    assert reported == dropped
