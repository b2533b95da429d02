"""Token counts of the Messages API.

Source: anthropic SDK 2.12, types/usage.py and message_delta_usage.py, read 2026-11-22. `input_tokens` is already without the cached
ones. A `message_delta` repeats the counts cumulatively: what it names replaces what `message_start` said. Entries of `iterations`
other than `message` (an advisor's call) are billed beside the totals, at another model's price. `speed: fast` is billed as a tier of its
own, and `inference_geo: us` with a surcharge, which no list of ours has.
"""

from typing import Any

from proxy.codecs.anthropic_messages import fields
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
_DETAILS = frozenset(("cache_creation", "output_tokens_details", "server_tool_use", "iterations", "service_tier", "inference_geo", "speed"))
_KNOWN_METERS = {
    "cache_creation": frozenset(("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")),
    "output_tokens_details": frozenset(("thinking_tokens",)),
    "server_tool_use": frozenset(("web_fetch_requests",)),
}
"""Those that tokens pay for; a web search has a price of its own, which no list of ours has."""
_TO_TIER = {"standard": "default"}
_FROM_TIER = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}

CARRIED = frozenset(("cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens"))
"""Details of the canonical usage that have a place here."""


def decode_usage(raw: dict[str, Any], path: str = "usage") -> Usage:
    """Raises InvalidBody where a count is no integer."""
    written = raw.get("cache_creation")
    details = raw.get("output_tokens_details")
    return Usage(
        input_tokens=_count(raw, "input_tokens", path),
        output_tokens=_count(raw, "output_tokens", path),
        cache_read_tokens=_count(raw, "cache_read_input_tokens", path),
        cache_write_tokens=_count(raw, "cache_creation_input_tokens", path),
        cache_write_1h_tokens=_detail(written, "ephemeral_1h_input_tokens", f"{path}.cache_creation") or 0,
        reasoning_tokens=_detail(details, "thinking_tokens", f"{path}.output_tokens_details"),
        incomplete=_has_unknown_meter(raw) or raw.get("inference_geo") == "us",
        service_tier=billed_tier("fast" if raw.get("speed") == "fast" else raw.get("service_tier")),
        extra={key: value for key, value in raw.items() if key not in _COUNTS},
    )


def _count(raw: dict[str, Any], key: str, path: str) -> int:
    value = raw.get(key)
    return value if type(value) is int and value >= 0 else fields.optional_integer(raw, key, path) or 0


def _detail(obj: Any, key: str, path: str) -> int | None:
    return fields.optional_integer(obj, key, path) if isinstance(obj, dict) else None


def _has_unknown_meter(raw: dict[str, Any]) -> bool:
    for key, value in raw.items():
        if key in _COUNTS:
            continue
        known = _KNOWN_METERS.get(key)
        if known is not None and isinstance(value, dict):
            if any(_metered(item) for name, item in value.items() if name not in known):
                return True
        elif key == "iterations" and isinstance(value, list):
            if any(_metered(item) for item in value if not isinstance(item, dict) or item.get("type") != "message"):
                return True
        elif _metered(value):
            return True
    return False


def _metered(value: Any) -> bool:
    """Whether a number above 0 is in there."""
    if isinstance(value, dict):
        return any(_metered(item) for item in value.values())
    if isinstance(value, list):
        return any(_metered(item) for item in value)
    return isinstance(value, int | float) and value > 0 and not isinstance(value, bool)


def merge_usage(start: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """The cumulative counts after a `message_delta`."""
    return {**start, **{key: value for key, value in delta.items() if value is not None}}


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """The counts, and what the API's own details say; an unknown usage is all zero, as the SDK requires the fields."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    encoded: dict[str, Any] = {wire: getattr(usage, name) for wire, name in _COUNTS.items()}
    encoded.update((key, value) for key, value in usage.extra.items() if key in _DETAILS)
    if usage.cache_write_1h_tokens and "cache_creation" not in encoded:
        encoded["cache_creation"] = {
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens and "output_tokens_details" not in encoded:
        encoded["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return encoded


def decode_tier(raw: dict[str, Any]) -> str | None:
    """The usage's `service_tier` in OpenAI's words."""
    tier = raw.get("service_tier")
    return _TO_TIER.get(tier, tier) if isinstance(tier, str) else None


def encode_tier(tier: str | None) -> str | None:
    return None if tier is None else _FROM_TIER.get(tier)
