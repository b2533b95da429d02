"""A response's status and incomplete_details ↔ finish reasons.

Source: openai-python 3.54, types/responses/response.py and response_status.py, read 2026-11-25.
"""

from typing import Any

from proxy.core.response import FinishReason

_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_REASONS: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_length": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}

_NEAR: frozenset[FinishReason] = frozenset({"refusal", "pause", "context_length", "other"})


def is_near(finish: FinishReason, *, refused: bool, original: Any = None) -> bool:
    """Whether what encode_finish finds says less than there is to say."""
    return finish in _NEAR and not (finish == "refusal" and refused) and original is None


def decode_finish(status: str, details: Any, *, calls: bool) -> FinishReason:
    """Of `completed` and `incomplete` responses. `calls`: the answer holds function calls."""
    if status == "incomplete":
        reason = details.get("reason") if isinstance(details, dict) else None
        return _INCOMPLETE.get(reason, "other") if isinstance(reason, str) else "other"
    return "tool_calls" if calls else "stop"


def encode_finish(finish: FinishReason, *, refused: bool, original: Any = None) -> tuple[str, dict[str, Any] | None]:
    """(status, incomplete_details). `refused`: the client sees a refusal, which completes the answer. `original`: the provider's own
    details of an unknown reason."""
    if isinstance(original, dict):
        return "incomplete", original
    reason = None if finish == "refusal" and refused else _REASONS.get(finish)
    return ("completed", None) if reason is None else ("incomplete", {"reason": reason})
