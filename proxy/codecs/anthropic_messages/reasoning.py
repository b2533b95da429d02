"""Thinking, effort and sampling parameters for a model, from a request of another dialect.

An effort becomes, on a model with adaptive thinking, `thinking: adaptive` with `output_config.effort` (`minimal` is `low`, reported);
on an older one `thinking: enabled` with a budget, reported, as is a budget
that becomes an effort; on one that cannot think it is reported. `none` turns thinking off where the model
can: the models that think unasked get the lowest effort instead, reported. Thinking excludes a forced tool (the tool wins) and every
temperature but 1 (thinking wins). `max_tokens` counts the thinking, as OpenAI's `max_completion_tokens` does: a budget is cut to leave
room for the answer, and where the client set no limit the default is added on top of the budget.
"""

from typing import Any

import msgspec

from proxy.codecs.anthropic_messages.models import ModelFacts
from proxy.core.request import ChatRequest

MIN_BUDGET = 1024
"""Least `budget_tokens` that the API takes, and what is left at least for the answer."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
"""Effort → thinking budget in tokens. 32 000 is where the API's guide begins to advise batch processing."""

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}


class Budgeted(msgspec.Struct, frozen=True):
    """Fields to put into the body, and whether the model will think."""

    fields: dict[str, Any]
    thinking: bool = False
    max_tokens: int | None = None
    """None: as the client said, or the default."""


def encode_reasoning(request: ChatRequest, facts: ModelFacts, default_max_tokens: int, dropped: list[str]) -> Budgeted:
    asked = request.reasoning
    if asked is None or (asked.mode is None and asked.effort is None):
        return Budgeted({})
    path = request.path_of("reasoning")
    effort = asked.effort or (_nearest_effort(asked.budget_tokens) if asked.budget_tokens else None)
    if asked.mode == "disabled" or effort == "none":
        return _unthinking(facts, path, dropped)
    if effort is not None and effort not in _EFFORTS:
        dropped.append(path)
        return Budgeted({})
    if facts.thinking == "none":
        dropped.append(path)
        return Budgeted({})
    if facts.thinking == "adaptive":
        return _adaptive(request, effort, path, dropped)
    if _forces_tool(request):
        dropped.append(path)
        return Budgeted({})
    budgeted = _with_budget(request, asked.budget_tokens or BUDGETS[effort or "medium"], default_max_tokens, path, dropped)
    if asked.budget_tokens is None and path not in dropped:
        dropped.append(path)
    return budgeted


def _unthinking(facts: ModelFacts, path: str, dropped: list[str]) -> Budgeted:
    if not facts.thinks_unasked:
        return Budgeted({})
    dropped.append(path)
    return Budgeted({"output_config": {"effort": "low"}})


def _adaptive(request: ChatRequest, effort: str | None, path: str, dropped: list[str]) -> Budgeted:
    fields: dict[str, Any] = {}
    if effort is not None:
        fields["output_config"] = {"effort": _EFFORTS[effort]}
        if _EFFORTS[effort] != effort or request.reasoning is None or request.reasoning.effort is None:
            dropped.append(path)
    if _forces_tool(request):
        if effort is None:
            dropped.append(path)
        return Budgeted(fields)
    return Budgeted({"thinking": {"type": "adaptive"}, **fields}, thinking=True)


def _with_budget(request: ChatRequest, budget: int, default: int, path: str, dropped: list[str]) -> Budgeted:
    limit = request.max_tokens
    if limit is None:
        budget = max(budget, MIN_BUDGET)
        limit = budget + default
    elif limit < 2 * MIN_BUDGET:
        dropped.append(path)
        return Budgeted({})
    elif budget > limit - MIN_BUDGET or budget < MIN_BUDGET:
        budget = max(MIN_BUDGET, min(budget, limit - MIN_BUDGET))
        dropped.append(path)
    return Budgeted({"thinking": {"type": "enabled", "budget_tokens": budget}}, thinking=True, max_tokens=limit)


def _nearest_effort(budget: int) -> str:
    """The least effort whose budget is not smaller."""
    return next((effort for effort, tokens in BUDGETS.items() if effort != "minimal" and tokens >= budget), "max")


def _forces_tool(request: ChatRequest) -> bool:
    choice = request.tool_choice
    if choice is None or not request.tools:
        return False
    return choice.mode in ("required", "named") or (choice.mode == "allowed" and choice.allowed_mode == "required")


def encode_sampling(request: ChatRequest, facts: ModelFacts, thinking: bool, dropped: list[str]) -> dict[str, Any]:
    """`temperature`, `top_p` and `top_k` as far as the model takes them; a temperature over 1 is 1."""
    fields: dict[str, Any] = {}
    temperature = request.temperature
    if temperature is not None and temperature > 1:
        temperature = 1
        dropped.append(request.path_of("temperature"))
    if temperature is not None and temperature != 1 and (thinking or facts.sampling == "none"):
        dropped.append(request.path_of("temperature"))
    elif temperature is not None and facts.sampling != "none":
        fields["temperature"] = temperature
    if request.top_p is not None:
        excluded = facts.sampling == "none" or (thinking and request.top_p < 0.95)
        if excluded or (facts.sampling == "one" and "temperature" in fields):
            if request.top_p != 1:
                dropped.append(request.path_of("top_p"))
        else:
            fields["top_p"] = request.top_p
    if request.top_k is not None:
        if thinking or facts.sampling == "none":
            dropped.append(request.path_of("top_k"))
        else:
            fields["top_k"] = request.top_k
    return fields
