"""Whose body a model takes."""

from typing import Any

import pytest

from proxy.codecs.bedrock_invoke.family import family_of


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "claude"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-lite-v1", "titan"),
        ("amazon.titan-tg1-large", "titan"),
        ("amazon.titan-embed-text-v2:0", "titan_embed"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "llama"),
        ("mistral.mistral-large-2402-v1:0", None),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", None),
    ],
)
def test_by_model_id(model: str, family: str | None) -> None:
    """With region prefix and within an ARN."""
    assert family_of(model) == family


@pytest.mark.parametrize(
    ("body", "family"),
    [
        ({"messages": [], "max_tokens": 1}, "claude"),
        ({"inputText": "x"}, "titan"),
        ({"prompt": "x", "max_gen_len": 1}, "llama"),
        ({"prompt": "x"}, "llama"),
        ({"prompt": "x", "max_tokens_to_sample": 1}, None),
        ({"prompt": "x", "max_tokens": 1}, None),
        ({"messages": []}, None),
        ({}, None),
    ],
)
def test_by_form(body: dict[str, Any], family: str | None) -> None:
    """For the gateway's own names; the id decides where it tells anything."""
    assert family_of("smart", body) == family
    assert family_of("anthropic.claude-x", body) == "claude"
