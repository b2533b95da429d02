"""Whose body a model takes."""

from typing import Any

import pytest

from proxy.codecs.bedrock_invoke.family import Family, family_of, fits


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
        ({"messages": [], "anthropic_version": "bedrock-2023-05-31"}, "claude"),
        ({}, None),
    ],
)
def test_by_form(body: dict[str, Any], family: str | None) -> None:
    """For the gateway's own names; the id decides where it tells anything."""
    assert family_of("smart", body) == family
    assert family_of("arn:aws:bedrock:us-east-1:1:application-inference-profile/x1", body) == family


@pytest.mark.parametrize("body", [{"messages": [], "max_tokens": 1}, {"inputText": "x"}, {"prompt": "x"}])
@pytest.mark.parametrize("model", ["mistral.pixtral-large-2502-v1:0", "us.amazon.nova-lite-v1:0", "bedrock/ai21.jamba-1-5-mini-v1:0"])
def test_another_vendors_name_says_that_a_form_is_none_of_these(model: str, body: dict[str, Any]) -> None:
    """They look alike: messages and max_tokens are not Claude's alone."""
    assert family_of(model, body) is None


def test_claudes_old_text_completions() -> None:
    """Another form under the same names."""
    assert family_of("anthropic.claude-v2:1", {"prompt": "x", "max_tokens_to_sample": 5}) is None
    assert family_of("anthropic.claude-v2:1", {"prompt": "x"}) == "claude"


@pytest.mark.parametrize(
    ("family", "model", "right"),
    [
        ("claude", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("claude", "meta.llama3-8b-instruct-v1:0", False),
        ("claude", "mistral.mistral-large-2402-v1:0", False),
        ("claude", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", True),
        ("claude", "arn:aws:bedrock:us-east-1::foundation-model/mistral.mistral-large-2402-v1:0", False),
        ("llama", "arn:aws:bedrock:us-east-1:1:imported-model/abc", True),
        (None, "mistral.mistral-large-2402-v1:0", True),
        (None, "anthropic.claude-x", True),
    ],
)
def test_a_body_fits_a_model(family: Family | None, model: str, right: bool) -> None:
    """As far as the model's id tells."""
    assert fits(family, model) is right
