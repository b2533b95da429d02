"""What a list of models looks like in each API, page by page where the API has pages.

    openai       {"object": "list", "data": […]}                                  no pages
    anthropic    {"data": […], "has_more", "first_id", "last_id"}                 limit, after_id, before_id
    gemini       {"models": […], "nextPageToken"}                                 pageSize, pageToken

Source: openai-python 3.54, types/model.py; anthropic SDK 2.12, types/model_info.py, pagination.py; ai.google.dev "models.list",
google-genai 3.6, types.py; read 2026-11-26.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from proxy.core.errors import BadRequest
from proxy.providers.catalog import Facts

EPOCH = "1970-01-01T00:00:00Z"
"""Anthropic's own word for a date that is not known."""
_ANTHROPIC_PAGE = 20
_GEMINI_PAGE = 50
_MAX_PAGE = 1000


class Listed(NamedTuple):
    """A model that may be listed."""

    name: str
    owner: str
    """Provider of its first target."""
    facts: Facts


class Shape(NamedTuple):
    page: Callable[[Sequence[Listed], bytes], dict[str, Any]]
    """The query, as it came, says which. Raises BadRequest."""
    one: Callable[[Listed], dict[str, Any]]


def _openai_page(models: Sequence[Listed], query: bytes) -> dict[str, Any]:
    return {"object": "list", "data": [_openai(model) for model in models]}


def _openai(model: Listed) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.owner}


def _anthropic_page(models: Sequence[Listed], query: bytes) -> dict[str, Any]:
    asked = _query(query)
    limit = _size(asked, "limit", _ANTHROPIC_PAGE, least=1)
    if "after_id" in asked and "before_id" in asked:
        raise BadRequest("after_id and before_id exclude each other", param="before_id")
    rest, more = list(models), False
    if "before_id" in asked:
        rest = rest[: _place(models, asked["before_id"], "before_id")]
        rest, more = rest[-limit:], len(rest) > limit
    else:
        if "after_id" in asked:
            rest = rest[_place(models, asked["after_id"], "after_id") + 1 :]
        rest, more = rest[:limit], len(rest) > limit
    return {
        "data": [_anthropic(model) for model in rest],
        "has_more": more,
        "first_id": rest[0].name if rest else None,
        "last_id": rest[-1].name if rest else None,
    }


def _anthropic(model: Listed) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": EPOCH,
        "lifecycle": "active",
        "max_input_tokens": model.facts.context_tokens,
        "max_tokens": model.facts.max_output_tokens,
    }


def _gemini_page(models: Sequence[Listed], query: bytes) -> dict[str, Any]:
    asked = _query(query)
    size = _size(asked, "pageSize", _GEMINI_PAGE, least=0) or _GEMINI_PAGE
    start = _after(models, asked["pageToken"]) if asked.get("pageToken") else 0
    page = models[start : start + size]
    body: dict[str, Any] = {"models": [_gemini(model) for model in page]}
    if start + size < len(models):
        body["nextPageToken"] = urlsafe_b64encode(page[-1].name.encode()).decode().rstrip("=")
    return body


def _gemini(model: Listed) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": f"models/{model.name}",
        "baseModelId": model.name,
        "version": "001",
        "displayName": model.name,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    if model.facts.context_tokens is not None:
        body["inputTokenLimit"] = model.facts.context_tokens
    if model.facts.max_output_tokens is not None:
        body["outputTokenLimit"] = model.facts.max_output_tokens
    return body


SHAPES: Mapping[str, Shape] = {
    "openai": Shape(_openai_page, _openai),
    "anthropic": Shape(_anthropic_page, _anthropic),
    "gemini": Shape(_gemini_page, _gemini),
}
"""By the route's family."""


def _query(query: bytes) -> dict[str, str]:
    """Google's names may be written in snake_case, too."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return {{"page_size": "pageSize", "page_token": "pageToken"}.get(name, name): value for name, value in pairs}


def _size(asked: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < least:
        raise BadRequest(f"{name} must be an integer of at least {least}", param=name)
    return min(int(text[:9]), _MAX_PAGE)


def _place(models: Sequence[Listed], name: str, param: str) -> int:
    for at, model in enumerate(models):
        if model.name == name:
            return at
    raise BadRequest(f"{param}: no model of that id is listed here", param=param)


def _after(models: Sequence[Listed], token: str) -> int:
    try:
        name = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        raise BadRequest("pageToken is not one of this list's", param="pageToken") from None
    return _place(models, name, "pageToken") + 1
