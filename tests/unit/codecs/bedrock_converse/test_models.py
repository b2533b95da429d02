"""What is known of a model by its id."""

import pytest

from proxy.codecs.bedrock_converse.models import target_facts


@pytest.mark.parametrize(
    ("model", "claude", "caches"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", True, True),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-4-1-v1:0", True, True),
        ("claude-sonnet", True, True),
        ("us.amazon.nova-pro-v1:0", False, True),
        ("meta.llama3-70b-instruct-v1:0", False, False),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", False, False),
    ],
)
def test_facts(model: str, claude: bool, caches: bool) -> None:
    """Where the id shows nothing, nothing is assumed."""
    facts = target_facts(model)
    assert (facts.claude, facts.caches) == (claude, caches)
