"""Finish and block reasons. Source: ai.google.dev "FinishReason", "BlockReason", google-genai 3.6 types, read 2026-11-25."""

from proxy.core.response import FinishReason

_TO_CANONICAL: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}
"""The others (MALFORMED_FUNCTION_CALL, LANGUAGE, OTHER, …) have no word of their own elsewhere."""
_FROM_CANONICAL: dict[FinishReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "context_length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "OTHER",
    "other": "OTHER",
}

NEAR: frozenset[FinishReason] = frozenset(("refusal", "pause", "context_length"))
"""Reasons whose word here says less than there is to say."""


def decode_finish(reason: str, *, calls: bool) -> FinishReason:
    """The API ends an answer with calls by STOP; elsewhere the reason must fit the content."""
    finish = _TO_CANONICAL.get(reason, "other")
    return "tool_calls" if calls and finish == "stop" else finish


def encode_finish(finish: FinishReason) -> str:
    return _FROM_CANONICAL[finish]
