"""Canonical fields as `generationConfig`."""

from typing import Any

import pytest

from proxy.codecs.gemini_generate.models import model_facts
from proxy.codecs.gemini_generate.write_config import encode_config
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def config(model: str = "gemini-2.5-flash", **fields: Any) -> tuple[dict[str, Any], list[str]]:
    dropped: list[str] = []
    request = ChatRequest(dialect="openai_chat", model=model, messages=(), **fields)
    return encode_config(request, model_facts(model), dropped), dropped


def test_scalars() -> None:
    """Under the API's names; one candidate is not said."""
    fields: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "max_tokens": 9,
        "seed": 1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "stop": ("a",),
    }
    assert config(**fields) == (
        {
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 3,
            "maxOutputTokens": 9,
            "seed": 1,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "responseLogprobs": True,
            "logprobs": 2,
            "candidateCount": 2,
            "stopSequences": ["a"],
        },
        [],
    )
    assert config() == ({}, [])


def test_top_logprobs_need_logprobs() -> None:
    """The API refuses the number alone."""
    assert config(logprobs=False, top_logprobs=2) == ({"responseLogprobs": False}, [])


def test_five_stop_sequences() -> None:
    """More are reported."""
    assert config(stop=tuple("abcdef")) == ({"stopSequences": list("abcde")}, ["stop"])


@pytest.mark.parametrize(
    ("wanted", "expected", "lost"),
    [
        (ResponseFormat(kind="text"), {"responseMimeType": "text/plain"}, []),
        (ResponseFormat(kind="json_object"), {"responseMimeType": "application/json"}, []),
        (ResponseFormat(kind="json_schema", schema=SCHEMA), {"responseMimeType": "application/json", "responseSchema": SCHEMA}, []),
        (
            ResponseFormat(kind="json_schema", schema={**SCHEMA, "additionalProperties": False}, strict=True),
            {"responseMimeType": "application/json", "responseJsonSchema": {**SCHEMA, "additionalProperties": False}},
            [],
        ),
        (
            ResponseFormat(kind="json_schema", schema=SCHEMA, description="D", strict=False),
            {"responseMimeType": "application/json", "responseSchema": {**SCHEMA, "description": "D"}},
            ["response_format.json_schema.strict"],
        ),
    ],
)
def test_formats(wanted: ResponseFormat, expected: dict[str, Any], lost: list[str]) -> None:
    """A schema that the API's own kind cannot say is JSON Schema."""
    assert config(response_format=wanted) == (expected, lost)


@pytest.mark.parametrize(
    ("model", "asked", "expected", "lost"),
    [
        ("gemini-2.0-flash", Reasoning(effort="high"), None, True),
        ("gemini-2.0-flash", Reasoning(mode="disabled"), None, False),
        ("gemini-2.5-flash", Reasoning(effort="low"), {"thinkingBudget": 1024, "includeThoughts": True}, True),
        ("gemini-2.5-pro", Reasoning(effort="max"), {"thinkingBudget": 32768, "includeThoughts": True}, True),
        ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}, False),
        ("gemini-2.5-pro", Reasoning(effort="none"), {"thinkingBudget": 128}, True),
        ("gemini-2.5-flash", Reasoning(mode="enabled", budget_tokens=5000), {"thinkingBudget": 5000, "includeThoughts": True}, False),
        ("gemini-2.5-flash", Reasoning(mode="enabled", budget_tokens=99999), {"thinkingBudget": 24576, "includeThoughts": True}, True),
        ("gemini-2.5-flash", Reasoning(mode="adaptive"), {"thinkingBudget": -1, "includeThoughts": True}, False),
        ("gemini-2.5-flash", Reasoning(effort="odd"), None, True),
        ("gemini-2.5-flash", Reasoning(), None, False),
        ("gemini-3-flash", Reasoning(effort="minimal"), {"thinkingLevel": "minimal", "includeThoughts": True}, False),
        ("gemini-3-pro", Reasoning(effort="minimal"), {"thinkingLevel": "low", "includeThoughts": True}, True),
        ("gemini-3-pro", Reasoning(effort="xhigh"), {"thinkingLevel": "high", "includeThoughts": True}, True),
        ("gemini-3-pro", Reasoning(mode="disabled"), {"thinkingLevel": "low"}, True),
        ("gemini-3-pro", Reasoning(mode="enabled", budget_tokens=30000), {"thinkingBudget": 30000, "includeThoughts": True}, False),
    ],
)
def test_thinking(model: str, asked: Reasoning, expected: dict[str, Any] | None, lost: bool) -> None:
    """Levels from Gemini 3 on, budgets before; what a model cannot do, and an effort that becomes a budget, is reported."""
    encoded, dropped = config(model, reasoning=asked)
    assert encoded.get("thinkingConfig") == expected
    assert dropped == (["reasoning"] if lost else [])


def test_unknown_details_of_thinking_are_reported() -> None:
    """By path."""
    assert config("gemini-3-flash", reasoning=Reasoning(effort="low", extra={"display": "omitted"}))[1] == ["reasoning.display"]
