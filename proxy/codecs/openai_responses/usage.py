"""Token usage, both ways.

Source: openai-python 3.54, types/responses/response_usage.py, read 2026-11-25. `input_tokens` contains cached and cache-written ones,
`output_tokens` contains reasoning. Compatible servers leave the details out.
"""

from typing import Any

from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_MAIN = frozenset({"input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"})
_INPUT = frozenset({"cached_tokens", "cache_write_tokens", "audio_tokens"})
_OUTPUT = frozenset({"reasoning_tokens", "audio_tokens"})
_NO_METERS = frozenset({"text_tokens", "image_tokens", "cost", "cost_details", "cache_write_tokens_details"})
"""Contained in the main counts, or no count at all: these hide nothing from the bill."""
_DETAILS = ("input_tokens_details", "output_tokens_details")
_KEPT = _NO_METERS.union(_DETAILS)
"""What encode_usage writes back: `Usage.extra` may be another dialect's."""

CARRIED = frozenset({"cache_write_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens"})
"""Details of the canonical usage that have a place here."""


def decode_usage(usage: dict[str, Any], tier: object = None) -> Usage:
    """Never raises: an answer is not lost for its bill, which is marked incomplete where something is no count or unknown. `tier`: the
    response's `service_tier`."""
    given = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    inputs, outputs = (details if isinstance(details, dict) else {} for details in given)
    extra: dict[str, Any] = {key: value for key, value in usage.items() if key not in _MAIN}
    odd = any(_is_odd(usage, key) for key in ("input_tokens", "output_tokens")) or _has_meter(extra)
    for key, details, known in (("input_tokens_details", inputs, _INPUT), ("output_tokens_details", outputs, _OUTPUT)):
        rest = {name: value for name, value in details.items() if name not in known}
        odd = odd or _has_meter(rest) or any(_is_odd(details, name) for name in known)
        if rest:
            extra[key] = rest
    prompt, cached, written = _count(usage, "input_tokens"), _count(inputs, "cached_tokens"), _count(inputs, "cache_write_tokens")
    beside = cached + written > prompt
    return Usage(
        input_tokens=prompt if beside else prompt - cached - written,
        output_tokens=_count(usage, "output_tokens"),
        cache_read_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=_known(outputs, "reasoning_tokens"),
        input_audio_tokens=_known(inputs, "audio_tokens"),
        output_audio_tokens=_known(outputs, "audio_tokens"),
        incomplete=odd or beside,
        service_tier=billed_tier(tier),
        extra=extra,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The SDK wants every detail, known or not."""
    extra = {key: value for key, value in usage.extra.items() if key in _KEPT}
    rest = [found if isinstance(found := extra.pop(key, None), dict) else {} for key in _DETAILS]
    inputs: dict[str, Any] = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    outputs: dict[str, Any] = {"reasoning_tokens": usage.reasoning_tokens or 0}
    if usage.input_audio_tokens is not None:
        inputs["audio_tokens"] = usage.input_audio_tokens
    if usage.output_audio_tokens is not None:
        outputs["audio_tokens"] = usage.output_audio_tokens
    return {
        **extra,
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": inputs | rest[0],
        "output_tokens": usage.output_tokens,
        "output_tokens_details": outputs | rest[1],
        "total_tokens": usage.total_tokens,
    }


def _known(owner: dict[str, Any], key: str) -> int | None:
    """None also for what is no count."""
    value = owner.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _count(owner: dict[str, Any], key: str) -> int:
    return _known(owner, key) or 0


def _is_odd(owner: dict[str, Any], key: str) -> bool:
    return owner.get(key) is not None and _known(owner, key) is None


def _has_meter(rest: dict[str, Any]) -> bool:
    return any(_counts(value) for key, value in rest.items() if key not in _NO_METERS)


def _counts(value: Any) -> bool:
    """Whether a value counts something: zero, null, words and truth values do not."""
    if isinstance(value, dict):
        return any(_counts(item) for item in value.values())
    if isinstance(value, list):
        return any(_counts(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0
