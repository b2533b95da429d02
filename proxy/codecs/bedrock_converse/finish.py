"""Stop reasons. Source: botocore 1.44.5, bedrock-runtime service model (StopReason), read 2026-11-25."""

from proxy.core.response import FinishReason

_TO_CANONICAL: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "model_context_window_exceeded": "context_length",
}
_FROM_CANONICAL: dict[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
    "pause": "end_turn",
    "context_length": "model_context_window_exceeded",
    "other": "end_turn",
}

NEAR: frozenset[FinishReason] = frozenset(("refusal", "pause", "other"))
"""Reasons whose word here says less than there is to say."""


def decode_finish(stop_reason: str) -> FinishReason:
    """`malformed_tool_use` and its like are "other"."""
    return _TO_CANONICAL.get(stop_reason, "other")


def encode_finish(reason: FinishReason, *, tools: bool, refused: bool, original: object = None) -> str:
    """`tools`: the answer has tool calls; `refused`: it has a refusal; `original`: the provider's word, where it spoke this dialect."""
    if isinstance(original, str) and decode_finish(original) == reason:
        return original
    if reason in ("stop", "other") and tools:
        return "tool_use"
    if reason == "stop" and refused:
        return "content_filtered"
    return _FROM_CANONICAL[reason]
