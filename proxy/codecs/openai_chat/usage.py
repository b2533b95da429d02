"""Token usage, both ways.

Source: OpenAI API reference, "The chat completion object", usage, read 2026-11-22. `prompt_tokens` contains cached and cache-written
ones, `completion_tokens` contains reasoning, audio and rejected predictions. What compatible servers do otherwise:

    prompt_cache_hit_tokens (DeepSeek)                 the cached part, beside prompt_tokens
    reasoning not within completion_tokens (xAI), or not shown at all (Gemini)   seen by total_tokens, and added
    cached tokens beyond prompt_tokens                 prompt_tokens counts the uncached ones only
"""

from typing import Any

from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_MAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"})
_PROMPT = frozenset({"cached_tokens", "cache_write_tokens", "audio_tokens"})
_COMPLETION = frozenset({"reasoning_tokens", "audio_tokens"})
_NO_METERS = frozenset(
    {
        "text_tokens",
        "image_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
        "reasoning_tokens",
        "cost",
        "cost_details",
        "queue_time",
        "prompt_time",
        "completion_time",
        "total_time",
    }
)
"""Contained in the main counts, or no count at all (OpenRouter's cost, Groq's times): these hide nothing from the bill."""
_KEPT = _NO_METERS | {"is_byok", "prompt_tokens_details", "completion_tokens_details"}
"""What encode_usage writes back: `Usage.extra` may be another dialect's."""
CARRIED = frozenset({"cache_write_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens"})
"""Details of the canonical usage that have a place here."""
_ODD = "(odd)"


def decode_usage(usage: dict[str, Any], tier: object = None) -> Usage:
    """Never raises: an answer is not lost for its bill, which is marked incomplete where something is no count. `tier`: the answer's
    `service_tier`."""
    if len(usage) == 3:  # three counts that add up, as most compatible servers send them
        prompt, output, total = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
        if type(prompt) is int and type(output) is int and prompt >= 0 and output >= 0 and total == prompt + output:
            if tier is None:
                return Usage(input_tokens=prompt, output_tokens=output)
            return Usage(input_tokens=prompt, output_tokens=output, service_tier=billed_tier(tier))
    return _decode(usage, tier)


def _decode(usage: dict[str, Any], tier: object) -> Usage:
    extra: dict[str, Any] = {}
    odd = _scan(usage, _MAIN, extra)
    prompt = _count(usage, "prompt_tokens")
    output = _count(usage, "completion_tokens")
    hidden = _count(usage, "total_tokens") - prompt - output
    prompt_details = _details(usage, "prompt_tokens_details", _PROMPT, extra)
    completion_details = _details(usage, "completion_tokens_details", _COMPLETION, extra)
    cached = _count(prompt_details, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens")
    written = _count(prompt_details, "cache_write_tokens")
    reasoning = _known(completion_details, "reasoning_tokens")
    beside = cached + written > prompt
    if hidden > 0 and not beside:
        output += hidden
        odd = odd or hidden != reasoning
    return Usage(
        input_tokens=prompt if beside else prompt - cached - written,
        output_tokens=output,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        input_audio_tokens=_known(prompt_details, "audio_tokens"),
        output_audio_tokens=_known(completion_details, "audio_tokens"),
        incomplete=odd or beside or _ODD in prompt_details or _ODD in completion_details,
        service_tier=billed_tier(tier),
        extra=extra,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    extra = {key: value for key, value in usage.extra.items() if key in _KEPT}
    prompt_details: dict[str, Any] = {"cached_tokens": usage.cache_read_tokens}
    if usage.cache_write_tokens:
        prompt_details["cache_write_tokens"] = usage.cache_write_tokens
    if usage.input_audio_tokens is not None:
        prompt_details["audio_tokens"] = usage.input_audio_tokens
    completion_details: dict[str, Any] = {}
    if usage.reasoning_tokens is not None:
        completion_details["reasoning_tokens"] = usage.reasoning_tokens
    if usage.output_audio_tokens is not None:
        completion_details["audio_tokens"] = usage.output_audio_tokens
    completion_details |= extra.get("completion_tokens_details", {})
    out: dict[str, Any] = {
        **extra,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": prompt_details | extra.get("prompt_tokens_details", {}),
    }
    if completion_details:
        out["completion_tokens_details"] = completion_details
    return out


def _details(usage: dict[str, Any], key: str, known: frozenset[str], extra: dict[str, Any]) -> dict[str, Any]:
    """The details that are there, with `_ODD` among them where something is wrong; what is kept of them goes to `extra[key]`."""
    value = usage.get(key)
    if not isinstance(value, dict):
        return {}
    rest: dict[str, Any] = {}
    odd = _scan(value, known, rest)
    if rest:
        extra[key] = rest
    return {**value, _ODD: True} if odd else value


def _scan(owner: dict[str, Any], known: frozenset[str], rest: dict[str, Any]) -> bool:
    """Whether a known field is no count, or an unknown one counts something. Unknown ones are copied to `rest`."""
    odd = False
    for key, value in owner.items():
        if key in known:
            if type(value) is not int and value is not None and type(value) is not dict and _known(owner, key) is None:
                odd = True
        else:
            rest[key] = value
            if value and key not in _NO_METERS and _counts(value):
                odd = True
    return odd


def _known(owner: dict[str, Any], key: str) -> int | None:
    """None also for what is no count."""
    value = owner.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _count(owner: dict[str, Any], key: str) -> int:
    return _known(owner, key) or 0


def _counts(value: Any) -> bool:
    """Whether a value counts something: zero, null, words and truth values do not."""
    if isinstance(value, dict):
        return any(_counts(item) for item in value.values())
    if isinstance(value, list):
        return any(_counts(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0
