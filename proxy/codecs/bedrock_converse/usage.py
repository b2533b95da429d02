"""Token counts. Source: botocore 1.44.5, bedrock-runtime service model (TokenUsage), read 2026-11-25.

`inputTokens` is without the cached ones, `totalTokens` with them (seen in recorded answers). The older names with `Count` repeat the newer
ones; where an older endpoint has only these, they count.
"""

from typing import Any

from proxy.codecs.bedrock_converse import fields
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheWriteInputTokens": "cache_write_tokens",
}
_OLDER = {"cacheReadInputTokens": "cacheReadInputTokenCount", "cacheWriteInputTokens": "cacheWriteInputTokenCount"}
_KNOWN = frozenset((*_COUNTS, *_OLDER.values(), "totalTokens", "cacheDetails"))
_KEPT = frozenset((*_OLDER.values(), "cacheDetails", "serverToolUsage"))

CARRIED = frozenset(("cache_write_tokens", "cache_write_1h_tokens"))
"""Details of the canonical usage that have a place here."""


def decode_usage(raw: dict[str, Any], path: str = "usage", *, tier: str | None = None) -> Usage:
    """Raises InvalidBody where a count is no integer. `tier`: by `tier_of`."""
    counts: dict[str, Any] = {name: _count(raw, key, path) for key, name in _COUNTS.items()}
    return Usage(
        **counts,
        cache_write_1h_tokens=_hourly(raw.get("cacheDetails"), f"{path}.cacheDetails"),
        incomplete=any(_metered(value) for key, value in raw.items() if key not in _KNOWN),
        service_tier=tier,
        extra={key: value for key, value in raw.items() if key not in _COUNTS and key != "totalTokens"},
    )


def tier_of(service_tier: Any, performance: Any) -> str | None:
    """What the tokens are billed at, from an answer's `serviceTier` and `performanceConfig`: latency-optimised inference has prices of its
    own, as tier `optimized`. Never raises."""
    tier = billed_tier(service_tier.get("type")) if isinstance(service_tier, dict) else None
    if tier is None and isinstance(performance, dict) and performance.get("latency") == "optimized":
        return "optimized"
    return tier


def _count(raw: dict[str, Any], key: str, path: str) -> int:
    value = fields.optional_integer(raw, key, path)
    if value is None and key in _OLDER:
        value = fields.optional_integer(raw, _OLDER[key], path)
    return value or 0


def _hourly(details: Any, path: str) -> int:
    """Of the cache's writes, those that live an hour."""
    if not isinstance(details, list):
        return 0
    entries = [entry for entry in details if isinstance(entry, dict) and entry.get("ttl") == "1h"]
    return sum(fields.optional_integer(entry, "inputTokens", path) or 0 for entry in entries)


def _metered(value: Any) -> bool:
    """Whether a number above 0 is in there."""
    if isinstance(value, dict):
        return any(_metered(item) for item in value.values())
    if isinstance(value, list):
        return any(_metered(item) for item in value)
    return isinstance(value, int | float) and value > 0 and not isinstance(value, bool)


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """An unknown usage is all zero, as the SDK's shape requires the fields."""
    if usage is None:
        return {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    encoded: dict[str, Any] = {key: getattr(usage, name) for key, name in _COUNTS.items()}
    encoded["totalTokens"] = usage.total_tokens
    encoded.update((key, value) for key, value in usage.extra.items() if key in _KEPT)
    if usage.cache_write_1h_tokens and "cacheDetails" not in encoded:
        shorter = usage.cache_write_tokens - usage.cache_write_1h_tokens
        details = [{"ttl": "1h", "inputTokens": usage.cache_write_1h_tokens}, {"ttl": "5m", "inputTokens": shorter}]
        encoded["cacheDetails"] = [entry for entry in details if entry["inputTokens"]]
    return encoded
