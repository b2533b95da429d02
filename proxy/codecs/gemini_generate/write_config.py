"""Canonical fields → `generationConfig`.

An effort becomes a `thinkingLevel` on models from Gemini 3 on, a `thinkingBudget` (reported) on 2.5; a budget stays a budget, within the
model's bounds. `none` turns thinking off where the model can: elsewhere it gets the least, reported. Thoughts are asked for with it.
Source: ai.google.dev "GenerationConfig", "Thinking", "OpenAI compatibility" (efforts and budgets), read 2026-11-25.
"""

from typing import Any

from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.gemini_generate.schema import fits
from proxy.codecs.part_path import strict_path
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat

MAX_STOPS = 5
MAX_CANDIDATES = 8
_COPIED = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def encode_config(request: ChatRequest, facts: ModelFacts, dropped: list[str]) -> dict[str, Any]:
    """What is lost or only approximated is in `dropped`."""
    config: dict[str, Any] = {}
    for name, wire in _COPIED.items():
        if (value := getattr(request, name)) is not None:
            config[wire] = value
    if config.get("logprobs") is not None and not request.logprobs:
        del config["logprobs"]
    if request.n != 1:
        config["candidateCount"] = min(request.n, MAX_CANDIDATES)
        if request.n > MAX_CANDIDATES:
            dropped.append(request.path_of("n"))
    if request.stop:
        config["stopSequences"] = list(request.stop[:MAX_STOPS])
        if len(request.stop) > MAX_STOPS:
            dropped.append(request.path_of("stop"))
    if request.response_format is not None:
        config.update(_format(request.response_format, request.path_of("response_format"), dropped))
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, facts, request.path_of("reasoning"), dropped)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _format(wanted: ResponseFormat, path: str, dropped: list[str]) -> dict[str, Any]:
    if wanted.kind == "text":
        return {"responseMimeType": "text/plain"}
    out: dict[str, Any] = {"responseMimeType": "application/json"}
    if wanted.kind == "json_schema" and wanted.schema is not None:
        if wanted.strict is False:
            dropped.append(strict_path(path))
        schema = wanted.schema
        if wanted.description and "description" not in schema:
            # the model reads it; here it can only stand in the schema
            schema = {**schema, "description": wanted.description}
        out["responseSchema" if fits(schema) else "responseJsonSchema"] = schema
    return out


def _thinking(asked: Reasoning, facts: ModelFacts, path: str, dropped: list[str]) -> dict[str, Any]:
    dropped.extend(f"{path}.{key}" for key in asked.extra)
    off = asked.mode == "disabled" or asked.effort == "none"
    if facts.thinking == "none":
        if not off:
            dropped.append(path)
        return {}
    if off:
        return _least(facts, path, dropped)
    if asked.budget_tokens is not None:
        budget = max(min(asked.budget_tokens, max(facts.max_budget, 32768 if facts.thinking == "levels" else 0)), facts.min_budget)
        if budget != asked.budget_tokens:
            dropped.append(path)
        return {"thinkingBudget": budget, "includeThoughts": True}
    if asked.effort is None:
        return {} if asked.mode is None else {"thinkingBudget": -1, "includeThoughts": True}
    if asked.effort not in _LEVELS:
        dropped.append(path)
        return {}
    if facts.thinking == "budget":
        budget = min(max(_BUDGETS[asked.effort], facts.min_budget), facts.max_budget)
        if asked.effort in ("xhigh", "max"):
            budget = facts.max_budget
        dropped.append(path)
        return {"thinkingBudget": budget, "includeThoughts": True}
    level = _LEVELS[asked.effort]
    if level == "minimal" and facts.lowest == "low":
        level = "low"
    if level != asked.effort:
        dropped.append(path)
    return {"thinkingLevel": level, "includeThoughts": True}


def _least(facts: ModelFacts, path: str, dropped: list[str]) -> dict[str, Any]:
    if facts.thinking == "budget":
        if facts.min_budget:
            dropped.append(path)
        return {"thinkingBudget": facts.min_budget}
    dropped.append(path)
    return {"thinkingLevel": facts.lowest}
