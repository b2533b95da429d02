"""Sending fewer output tokens than a client asked for, in its own dialect's words."""

from typing import Any

from proxy.codecs.needs import CAPS, NESTED_CAPS

_ADDED: dict[str, str] = {
    "openai_completions": "max_tokens",
    "openai_responses": "max_output_tokens",
    "anthropic_messages": "max_tokens",
}


def lower_cap(body: dict[str, Any], cap: int, dialect: str, kind: str) -> bool:
    """Changes `body`, whose nested objects are the client's and stay as they are. `kind`: the provider's; only OpenAI's own endpoints are
    sure to know `max_completion_tokens`. False: it asked for no more than that."""
    found = lowered = False
    for name in CAPS:
        if body.get(name) is not None:
            found = True
            if _tokens(body[name], cap) > cap:
                body[name], lowered = cap, True
    for holder, name in NESTED_CAPS:
        inner = body.get(holder)
        if type(inner) is dict and inner.get(name) is not None:
            found = True
            if _tokens(inner[name], cap) > cap:
                body[holder], lowered = {**inner, name: cap}, True
    if not found:
        _add(body, cap, dialect, kind)
    return lowered or not found


def _add(body: dict[str, Any], cap: int, dialect: str, kind: str) -> None:
    if dialect == "openai_chat":
        body["max_completion_tokens" if kind in ("openai", "azure") else "max_tokens"] = cap
    elif dialect == "bedrock_converse":
        body["inferenceConfig"] = {**(body.get("inferenceConfig") or {}), "maxTokens": cap}
    elif dialect == "gemini_generate":
        snake = "generation_config" in body
        holder = "generation_config" if snake else "generationConfig"
        body[holder] = {**(body.get(holder) or {}), "max_output_tokens" if snake else "maxOutputTokens": cap}
    elif dialect in _ADDED:
        body[_ADDED[dialect]] = cap


def _tokens(value: Any, cap: int) -> float:
    """Gemini's clients may write numbers as text; what is none is the provider's to judge, and gets the cap."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return cap + 1
