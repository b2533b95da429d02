"""Model facts by name."""

import pytest

from proxy.codecs.anthropic_messages.models import ModelFacts, model_facts


@pytest.mark.parametrize(
    ("model", "thinking", "unasked", "sampling"),
    [
        ("claude-2.1", "none", False, "both"),
        ("claude-instant-1.2", "none", False, "both"),
        ("claude-3-haiku-20240307", "none", False, "both"),
        ("claude-3-5-sonnet-20241022", "none", False, "both"),
        ("claude-3-7-sonnet-latest", "budget", False, "both"),
        ("claude-sonnet-4-20250514", "budget", False, "both"),
        ("claude-opus-4-0", "budget", False, "both"),
        ("claude-opus-4-1-20250805", "budget", False, "one"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "budget", False, "one"),
        ("claude-opus-4-6", "adaptive", False, "one"),
        ("anthropic/claude-4.7-opus", "adaptive", False, "none"),
        ("claude-opus-4-8", "adaptive", False, "none"),
        ("claude-sonnet-5", "adaptive", True, "none"),
        ("claude-haiku-5-5", "adaptive", True, "none"),
    ],
)
def test_facts_follow_the_version(model: str, thinking: str, unasked: bool, sampling: str) -> None:
    """The version in the name decides, wherever it stands in it; a date is no version."""
    facts = model_facts(model)
    assert (facts.thinking, facts.thinks_unasked, facts.sampling) == (thinking, unasked, sampling)


@pytest.mark.parametrize("model", ["glm-4.6", "claude-mythos-preview", "smart"])
def test_other_names_have_the_default_facts(model: str) -> None:
    """Without a Claude version nothing is held back."""
    assert model_facts(model) == ModelFacts(thinking="budget", thinks_unasked=False, sampling="both")
