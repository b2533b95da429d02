"""The litellm package's answer objects as the JSON and the events of OpenAI's API.

Its objects are pydantic models with many fields that are null, and with some that only it knows: those go. Its usage names cache writes
as Anthropic does, beside OpenAI's fields.
"""

from typing import Any

import orjson

from proxy.core.embeddings import pack

_USAGE_REPEATS = ("cache_creation_input_tokens", "cache_read_input_tokens", "cost")
"""Said by the details, or worked out by the package from its own price list."""


def chat_answer(answer: Any) -> bytes:
    body = _plain(answer)
    for choice in body.get("choices", ()):
        choice.setdefault("finish_reason", None)
        choice.setdefault("logprobs", None)
        _trim(choice)
        message = choice.get("message")
        if isinstance(message, dict):
            message.setdefault("content", None)
            _trim(message)
    _amend_usage(body)
    return orjson.dumps(body)


def chat_event(chunk: Any, *, usage: bool = True) -> bytes:
    """`usage` False: the counts are the package's own guess, and are left out."""
    body = _plain(chunk)
    for choice in body.get("choices", ()):
        choice.setdefault("finish_reason", None)
        _trim(choice)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            _trim(delta)
    if usage:
        _amend_usage(body)
    else:
        body.pop("usage", None)
    return b"data: " + orjson.dumps(body) + b"\n\n"


def embeddings_answer(answer: Any, *, base64: bool) -> bytes:
    """`base64`: pack vectors that came as numbers. OverflowError: a number is beyond 32-bit floats."""
    body = _plain(answer)
    for place, item in enumerate(body.get("data") or ()):
        item.setdefault("object", "embedding")
        item.setdefault("index", place)
        vector = item.get("embedding")
        if base64 and isinstance(vector, list):
            item["embedding"] = pack(tuple(vector))
    body["object"] = "list"
    usage = body.get("usage")
    if isinstance(usage, dict):
        body["usage"] = {"prompt_tokens": usage.get("prompt_tokens", 0), "total_tokens": usage.get("total_tokens", 0)}
    return orjson.dumps(body)


def request_id(answer: Any) -> str | None:
    """The provider's, where the package kept its headers."""
    hidden = getattr(answer, "_hidden_params", None)
    kept = hidden.get("additional_headers") if isinstance(hidden, dict) else None
    found = (kept or {}).get("llm_provider-x-request-id") or (kept or {}).get("llm_provider-request-id")
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else None


def _plain(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in body.items() if value != [] or name in ("choices", "data")}  # `vertex_ai_safety_ratings: []`


def _trim(owner: dict[str, Any]) -> None:
    if not owner.get("provider_specific_fields", True):
        del owner["provider_specific_fields"]


def _amend_usage(body: dict[str, Any]) -> None:
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        written = details.pop("cache_creation_tokens", None)
        if written:
            details["cache_write_tokens"] = written
        lasting = details.get("cache_creation_token_details")
        if isinstance(lasting, dict) and not lasting.get("ephemeral_1h_input_tokens"):
            del details["cache_creation_token_details"]  # else it stays: the dearer writes make the record incomplete, never cheaper
    for name in _USAGE_REPEATS:
        usage.pop(name, None)
