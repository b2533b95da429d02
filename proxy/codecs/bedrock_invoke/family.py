"""Whose body InvokeModel takes for a model: each vendor has its own."""

import re
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
_VENDOR = re.compile(r"(?:^|[./])[a-z0-9]+\.[a-z]")
"""`mistral.…`, `us.amazon.nova…`, also within an ARN or behind a provider's name: Bedrock's own way to name a model."""


def family_of(model: str, body: Mapping[str, Any] | None = None) -> Family | None:
    """By the model's id (with its region prefix, or within an ARN); where that tells nothing, as a name of the gateway's own does not, by
    the form of the client's body. None: another vendor's, or Claude's old text completions."""
    for name, family in _NAMES:
        if name in model:
            return None if family == "claude" and body is not None and _is_old(body) else family
    if body is None:
        return None
    if "messages" in body and "anthropic_version" in body:
        return "claude"
    return None if _VENDOR.search(model) else _by_form(body)


def fits(family: Family | None, model: str) -> bool:
    """Whether a client's body of this family is what a model at Bedrock takes, as far as its id tells. A body that nobody knows is the
    provider's to judge; an inference profile may be of any model."""
    if family is None:
        return True
    wanted = family_of(model)
    return wanted == family or (wanted is None and _VENDOR.search(model) is None)


def _by_form(body: Mapping[str, Any]) -> Family | None:
    if "messages" in body and "max_tokens" in body:
        return "claude"
    if "inputText" in body:
        return "titan"
    return "llama" if isinstance(body.get("prompt"), str) and "max_tokens_to_sample" not in body and "max_tokens" not in body else None


def _is_old(body: Mapping[str, Any]) -> bool:
    return "max_tokens_to_sample" in body and "messages" not in body
