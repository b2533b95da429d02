"""A lower cap in each dialect's words."""

from typing import Any

import pytest

from proxy.codecs.output_cap import lower_cap


@pytest.mark.parametrize(
    ("body", "dialect", "kind", "expected"),
    [
        ({}, "openai_chat", "openai", {"max_completion_tokens": 300}),
        ({}, "openai_chat", "openai_compatible", {"max_tokens": 300}),
        ({"max_tokens": 900}, "openai_chat", "openai", {"max_tokens": 300}),
        ({}, "openai_completions", "openai", {"max_tokens": 300}),
        ({}, "openai_responses", "openai", {"max_output_tokens": 300}),
        ({"max_tokens": 900}, "anthropic_messages", "anthropic", {"max_tokens": 300}),
        ({}, "bedrock_converse", "bedrock", {"inferenceConfig": {"maxTokens": 300}}),
        ({"inferenceConfig": {"topP": 1}}, "bedrock_converse", "bedrock", {"inferenceConfig": {"topP": 1, "maxTokens": 300}}),
        ({"generationConfig": {"maxOutputTokens": "900"}}, "gemini_generate", "gemini", {"generationConfig": {"maxOutputTokens": 300}}),
        ({"generation_config": {}}, "gemini_generate", "gemini", {"generation_config": {"max_output_tokens": 300}}),
        ({}, "gemini_generate", "gemini", {"generationConfig": {"maxOutputTokens": 300}}),
        ({"max_gen_len": 900}, "bedrock_invoke", "bedrock", {"max_gen_len": 300}),
        ({"textGenerationConfig": {"maxTokenCount": 900}}, "bedrock_invoke", "bedrock", {"textGenerationConfig": {"maxTokenCount": 300}}),
        ({"max_tokens": "many"}, "openai_chat", "openai", {"max_tokens": 300}),
    ],
)
def test_each_dialect(body: dict[str, Any], dialect: str, kind: str, expected: dict[str, Any]) -> None:
    """The client's own nested objects stay as they were."""
    nested = [(value, dict(value)) for value in body.values() if isinstance(value, dict)]
    assert lower_cap(body, 300, dialect, kind)
    assert body == expected
    assert all(value == before for value, before in nested)


def test_who_asked_for_less_gets_that() -> None:
    """Nothing is changed, so nothing has to be said."""
    body: dict[str, Any] = {"max_tokens": 100, "generationConfig": {"maxOutputTokens": "50"}}
    assert not lower_cap(body, 300, "openai_chat", "openai")
    assert body == {"max_tokens": 100, "generationConfig": {"maxOutputTokens": "50"}}
