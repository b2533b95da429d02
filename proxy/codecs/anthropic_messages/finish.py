"""Stop reasons. Source: anthropic SDK 2.12, types/stop_reason.py, read 2026-11-22."""

from proxy.core.response import FinishReason

_TO_CANONICAL: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_length",
}
_FROM_CANONICAL: dict[FinishReason, str] = {
    **{reason: wire for wire, reason in _TO_CANONICAL.items()},
    "content_filter": "refusal",
    "other": "end_turn",
}

NEAR: frozenset[FinishReason] = frozenset(("content_filter", "other"))
"""Reasons whose word here says less than there is to say."""


def decode_finish(stop_reason: str) -> FinishReason:
    return _TO_CANONICAL.get(stop_reason, "other")


def encode_finish(reason: FinishReason, *, tools: bool, refused: bool) -> str:
    """`tools`: the answer has tool calls (OpenAI ends one that a forced tool made with `stop`); `refused`: it has a refusal."""
    if reason in ("stop", "other") and tools:
        return "tool_use"
    if reason == "stop" and refused:
        return "refusal"
    return _FROM_CANONICAL[reason]
