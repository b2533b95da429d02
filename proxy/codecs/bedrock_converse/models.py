"""What the encoder must know of the model behind a Bedrock id (`eu.anthropic.claude-sonnet-4-5-…`, an ARN)."""

import re

import msgspec


class TargetFacts(msgspec.Struct, frozen=True, kw_only=True):
    claude: bool = False
    """An Anthropic model: it takes `thinking` and `top_k` in additionalModelRequestFields, and signed reasoning in messages."""
    caches: bool = False
    """It takes cache points; others refuse them. Source: Bedrock user guide, "Prompt caching", read 2026-11-25."""
    one_call: bool = False
    """It takes Claude's own `disable_parallel_tool_use` in additionalModelRequestFields: Claude from 4.5 on. Source: requests to Bedrock
    quoted in github.com/BerriAI/litellm pull 34347, read 2026-11-25."""


_VERSION = re.compile(r"claude-[a-z]+-(\d+)(?:[.-](\d{1,2})(?!\d))?")


def target_facts(model: str) -> TargetFacts:
    """By the name. An ARN of an inference profile of one's own shows no model: nothing is assumed then."""
    claude = "anthropic." in model or "claude" in model
    found = _VERSION.search(model)
    recent = found is not None and (int(found[1]), int(found[2] or 0)) >= (4, 5)
    return TargetFacts(claude=claude, caches=claude or "amazon.nova" in model, one_call=claude and recent)
