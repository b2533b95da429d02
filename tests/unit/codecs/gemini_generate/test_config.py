"""`generationConfig`."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.config import Config
from proxy.core.request import Reasoning, ResponseFormat


def config(**fields: Any) -> Config:
    return Config({"generationConfig": fields})


def test_scalars_in_either_spelling() -> None:
    """With the client's own paths."""
    both = Config(
        {"generation_config": {"top_k": 40.0, "maxOutputTokens": "9", "stop_sequences": ["a"], "candidate_count": 2, "logprobs": 3}}
    )
    assert {key: value for key, value in both.fields.items() if value not in (None, ())} == {
        "top_k": 40,
        "max_tokens": 9,
        "stop": ("a",),
        "n": 2,
        "top_logprobs": 3,
    }
    assert both.paths["stop"] == "generation_config.stop_sequences"
    assert both.paths["max_tokens"] == "generation_config.maxOutputTokens"
    assert both.paths["seed"] == "generation_config.seed"


def test_nothing_is_nothing() -> None:
    """One candidate is the default."""
    empty = Config({})
    assert {key for key, value in empty.fields.items() if value not in (None, ())} == {"n"}
    assert empty.extra == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"responseMimeType": "application/json"}, ResponseFormat(kind="json_object")),
        ({"responseMimeType": "text/plain"}, ResponseFormat(kind="text")),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
            ResponseFormat(kind="json_schema", schema={"type": "object"}),
        ),
        ({"responseJsonSchema": {"type": ["string"]}}, ResponseFormat(kind="json_schema", schema={"type": ["string"]})),
    ],
)
def test_formats(fields: dict[str, Any], expected: ResponseFormat) -> None:
    """A schema in either form."""
    assert config(**fields).fields["response_format"] == expected


def test_an_enum_answer_is_the_dialects_own() -> None:
    """No other has it."""
    own = config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]})
    assert own.fields["response_format"] is None
    assert own.extra == {"generationConfig.responseMimeType": "text/x.enum"}


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, Reasoning(mode="disabled")),
        ({"thinking_budget": 2048, "include_thoughts": True}, Reasoning(mode="enabled", budget_tokens=2048)),
        ({"thinkingBudget": -1}, Reasoning(mode="adaptive")),
        ({"includeThoughts": True}, Reasoning(mode="adaptive")),
        ({"includeThoughts": False}, None),
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, Reasoning(effort="high")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"new": 1}, Reasoning(extra={"new": 1})),
    ],
)
def test_thinking(thinking: dict[str, Any], expected: Reasoning | None) -> None:
    """0 is off, -1 the model's own choice."""
    assert config(thinkingConfig=thinking).fields["reasoning"] == expected


def test_the_rest_is_kept_under_its_path() -> None:
    """But for text as the only modality, which every dialect has."""
    assert config(responseModalities=["TEXT"], speechConfig={"a": 1}).extra == {"generationConfig.speechConfig": {"a": 1}}
    assert config(responseModalities=["IMAGE"]).extra == {"generationConfig.responseModalities": ["IMAGE"]}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"temperature": 3}, "temperature"),
        ({"topP": "x"}, "topP"),
        ({"maxOutputTokens": 0}, "maxOutputTokens"),
        ({"stopSequences": "a"}, "stopSequences"),
        ({"stopSequences": [1]}, "stopSequences[0]"),
        ({"thinkingConfig": {"thinkingBudget": -2}}, "thinkingConfig.thinkingBudget"),
        ({"responseSchema": []}, "responseSchema"),
        ({"responseLogprobs": 1}, "responseLogprobs"),
    ],
)
def test_wrong_values_are_refused(fields: dict[str, Any], path: str) -> None:
    """With their path."""
    with pytest.raises(InvalidBody) as caught:
        config(**fields)
    assert caught.value.path == f"generationConfig.{path}"
