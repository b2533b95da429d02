"""Finish reasons, and ids that a provider left out."""

from hashlib import blake2b

from proxy.core.response import FinishReason

_DECODED: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "max_tokens": "length",
    "model_length": "length",
    "end_turn": "stop",
    "eos": "stop",
}
"""The API's own, and spellings of compatible servers (Mistral's model_length, others' names taken over from elsewhere)."""
_ENCODED: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "context_length": "length",
    "other": "stop",
}
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
"""What the SDK's strict parse accepts."""

_NEAR: frozenset[FinishReason] = frozenset({"refusal", "pause", "context_length", "other"})


def is_near(finish: FinishReason, *, refused: bool, original: object = None) -> bool:
    """Whether the word that encode_finish finds says less than there is to say."""
    return finish in _NEAR and not (finish == "refusal" and refused) and original is None


def decode_finish(reason: str, *, calls: bool) -> FinishReason:
    """`calls`: the answer holds tool calls, which a forced `tool_choice` ends with "stop" at OpenAI itself: elsewhere the reason
    must fit the content."""
    finish = _DECODED.get(reason, "other")
    return "tool_calls" if calls and finish == "stop" else finish


def encode_finish(finish: FinishReason, *, calls: bool, refused: bool, original: object = None) -> str:
    """`original`: the provider's own word where it spoke this dialect. A refusal that the client sees as such is a plain stop."""
    if isinstance(original, str) and original in _REASONS:
        return original
    if finish == "refusal" and refused:
        return "stop"
    if calls and finish in ("stop", "stop_sequence", "other"):
        return "tool_calls"
    return _ENCODED[finish]


def invented_id(prefix: str, *seed: object) -> str:
    """`prefix` and 24 hex digits, the same for the same seed."""
    return prefix + blake2b(repr(seed).encode(), digest_size=12).hexdigest()
