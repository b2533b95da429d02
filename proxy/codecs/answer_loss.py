"""What an answer loses on its way to a client of another dialect, by canonical names. Shared by encoders of whole answers and streams."""

from collections.abc import Collection, Mapping
from typing import Any

from proxy.core.response import Usage

ECHO = "echo"
"""Key in `ChatResponse.extra` of what only repeats the request or tells how it was run (OpenAI's Responses)."""
_SILENT = frozenset((ECHO, "metrics"))
"""Fields that say nothing of the answer: the above, and how long Bedrock took."""
_DETAILS = ("cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens")


def lost_fields(extra: Mapping[str, Any], carried: Collection[str]) -> list[str]:
    """Names of an answer's own fields that the client's dialect lacks; null and empty ones say nothing."""
    return [key for key, value in extra.items() if key not in carried and key not in _SILENT and value not in (None, "", [], {})]


def lost_usage(usage: Usage | None, carried: Collection[str]) -> list[str]:
    """Details of the usage that count something and have no place: they stay part of the totals."""
    return [f"usage.{name}" for name in _DETAILS if name not in carried and getattr(usage, name, None)]
