"""What the encoder must know of the model behind a Bedrock id (`eu.anthropic.claude-sonnet-4-5-…`, an ARN)."""

import msgspec


class TargetFacts(msgspec.Struct, frozen=True, kw_only=True):
    claude: bool = False
    """An Anthropic model: it takes `thinking` and `top_k` in additionalModelRequestFields, and signed reasoning in messages."""
    caches: bool = False
    """It takes cache points; others refuse them. Source: Bedrock user guide, "Prompt caching", read 2026-11-25."""


def target_facts(model: str) -> TargetFacts:
    """By the name. An ARN of an inference profile of one's own shows no model: nothing is assumed then."""
    claude = "anthropic." in model or "claude" in model
    return TargetFacts(claude=claude, caches=claude or "amazon.nova" in model)
