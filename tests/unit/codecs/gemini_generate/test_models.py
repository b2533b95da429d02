"""What a model accepts."""

import pytest

from proxy.codecs.gemini_generate.models import ModelFacts, model_facts


@pytest.mark.parametrize(
    ("model", "thinking", "signed"),
    [
        ("gemini-2.0-flash", "none", False),
        ("gemini-1.5-pro-002", "none", False),
        ("gemma-3-27b-it", "none", False),
        ("gemini-2.5-flash-image", "none", False),
        ("gemini-2.5-flash-lite", "budget", False),
        ("models/gemini-2.5-pro", "budget", False),
        ("gemini-3-pro-preview", "levels", True),
        ("gemini-3.6-flash", "levels", True),
        ("gemini-flash-latest", "levels", True),
    ],
)
def test_by_version(model: str, thinking: str, signed: bool) -> None:
    """A name without one counts as the newest."""
    facts = model_facts(model)
    assert (facts.thinking, facts.signed) == (thinking, signed)


def test_pro_models_cannot_stop_thinking() -> None:
    """They have a least amount."""
    assert model_facts("gemini-2.5-pro").min_budget == 128
    assert model_facts("gemini-3-pro").lowest == "low"
    assert model_facts("gemini-3-flash") == ModelFacts()
