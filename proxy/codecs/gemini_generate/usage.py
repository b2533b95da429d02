"""Token counts, both ways.

Source: ai.google.dev "UsageMetadata", read 2026-11-25; measured on recorded answers: `totalTokenCount` is the sum of prompt, tool-use
prompt, candidates and thoughts. `promptTokenCount` contains the cached ones; thoughts and tool-use prompts stand beside the other counts.
"""

from typing import Any

from proxy.codecs.answer_loss import lost_usage
from proxy.codecs.gemini_generate.fields import integer
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_COUNTS = frozenset(("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "totalTokenCount"))
_DETAILS = frozenset(
    (
        "promptTokensDetails",
        "candidatesTokensDetails",
        "cacheTokensDetails",
        "toolUsePromptTokenCount",
        "toolUsePromptTokensDetails",
        "serviceTier",
        "trafficType",
    )
)
_TIERS = {"standard": "default", "unspecified": "default"}


def decode_usage(raw: dict[str, Any]) -> Usage:
    """Never raises: an answer is not lost for its bill, which is marked incomplete where something is no count, where the prompt's is
    missing, or where the total is more than the parts."""
    prompt = _count(raw, "promptTokenCount")
    candidates = _count(raw, "candidatesTokenCount")
    thoughts = _count(raw, "thoughtsTokenCount")
    cached = _count(raw, "cachedContentTokenCount")
    total = _count(raw, "totalTokenCount")
    tool_use = _count(raw, "toolUsePromptTokenCount")
    hidden = total - prompt - candidates - thoughts - tool_use
    return Usage(
        input_tokens=max(prompt + tool_use - cached, 0),
        output_tokens=candidates + thoughts + max(hidden, 0),
        cache_read_tokens=cached,
        reasoning_tokens=thoughts if "thoughtsTokenCount" in raw else None,
        input_audio_tokens=_of_modality(raw.get("promptTokensDetails"), "AUDIO"),
        output_audio_tokens=_of_modality(raw.get("candidatesTokensDetails"), "AUDIO"),
        incomplete=hidden > 0 or cached > prompt + tool_use or "promptTokenCount" not in raw or _is_odd(raw),
        service_tier=billed_tier(raw.get("serviceTier")) or billed_tier(raw.get("trafficType")),
        extra={key: value for key, value in raw.items() if key not in _COUNTS},
    )


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    if value is None:
        return 0
    return value if type(value) is int and value >= 0 else max(integer(value) or 0, 0)


def _is_odd(raw: dict[str, Any]) -> bool:
    """Whether a known field is no count, or an unknown one counts something."""
    for key, value in raw.items():
        if key in _COUNTS or key == "toolUsePromptTokenCount":
            if type(value) is not int and value is not None and integer(value) is None:
                return True
        elif key not in _DETAILS and _counts(value):
            return True
    return False


def _counts(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_counts(item) for item in value.values())
    if isinstance(value, list):
        return any(_counts(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def _of_modality(details: Any, modality: str) -> int | None:
    if not isinstance(details, list):
        return None
    counts = [integer(item.get("tokenCount")) or 0 for item in details if isinstance(item, dict) and item.get("modality") == modality]
    return sum(counts) if counts else None


def lost(usage: Usage | None) -> list[str]:
    """Names of what has no place here; the modalities are the API's own."""
    own = usage is not None and ("promptTokensDetails" in usage.extra or "candidatesTokensDetails" in usage.extra)
    return lost_usage(usage, ("reasoning_tokens", *(("input_audio_tokens", "output_audio_tokens") if own else ())))


def encode_tier(tier: str | None) -> dict[str, str]:
    return {} if tier is None else {"serviceTier": "standard" if tier == "default" else tier}


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The API leaves out a candidates' count of zero, and what was not there at first is not made up."""
    extra = {key: value for key, value in usage.extra.items() if key in _DETAILS}
    tool_use = _count(extra, "toolUsePromptTokenCount")
    thoughts = usage.reasoning_tokens or 0
    prompt, candidates = max(usage.prompt_tokens - tool_use, 0), max(usage.output_tokens - thoughts, 0)
    out: dict[str, Any] = {"promptTokenCount": prompt, "totalTokenCount": usage.total_tokens} if prompt or not usage.incomplete else {}
    if candidates:
        out["candidatesTokenCount"] = candidates
    if usage.cache_read_tokens:
        out["cachedContentTokenCount"] = usage.cache_read_tokens
    if thoughts:
        out["thoughtsTokenCount"] = thoughts
    return {**out, **extra}


def decode_tier(raw: dict[str, Any]) -> str | None:
    """In OpenAI's words."""
    tier = raw.get("serviceTier")
    return _TIERS.get(tier.lower(), tier.lower()) if isinstance(tier, str) else None
