"""Whose body InvokeModel takes for a model: each vendor has its own."""

from collections.abc import Mapping
from typing import Any, Literal

Family = Literal["claude", "titan", "llama", "titan_embed"]
DIALECT = "bedrock_invoke"
_NAMES: tuple[tuple[str, Family], ...] = (
    ("anthropic.", "claude"),
    ("claude", "claude"),
    ("amazon.titan-embed", "titan_embed"),
    ("amazon.titan-text", "titan"),
    ("amazon.titan-tg1", "titan"),
    ("meta.llama", "llama"),
)


def family_of(model: str, body: Mapping[str, Any] | None = None) -> Family | None:
    """By the model's id (with its region prefix, or within an ARN); where that tells nothing, as a name of the gateway's own does not, by
    the form of the client's body. None: another vendor's."""
    for name, family in _NAMES:
        if name in model:
            return family
    if body is None:
        return None
    if "messages" in body and "max_tokens" in body:
        return "claude"
    if "inputText" in body:
        return "titan"
    return "llama" if isinstance(body.get("prompt"), str) and "max_tokens_to_sample" not in body and "max_tokens" not in body else None
