"""Canonical request → generateContent body, with `model` and `stream` at top level for the provider adapter.

Source: ai.google.dev "models.generateContent", read 2026-11-25.
"""

from collections.abc import Callable
from typing import Any

from proxy.codecs.base import Encoded
from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.gemini_generate.places import told
from proxy.codecs.gemini_generate.write_config import encode_config
from proxy.codecs.gemini_generate.write_contents import ContentWriter
from proxy.codecs.gemini_generate.write_tools import encode_choice, encode_tools
from proxy.core.request import ChatRequest

_TIERS = {"default": "standard", "standard_only": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
"""`auto` is what the API does anyway."""


def encode_foreign(request: ChatRequest, facts_of: Callable[[str], ModelFacts]) -> Encoded:
    """A request of another dialect."""
    dropped: list[str] = []
    facts = facts_of(request.model)
    system, contents = ContentWriter(request, facts, dropped).write()
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if tools := encode_tools(request, dropped):
        body["tools"] = tools
    if (choice := encode_choice(request, dropped)) is not None:
        body["toolConfig"] = {"functionCallingConfig": choice}
    if config := encode_config(request, facts, dropped):
        body["generationConfig"] = config
    if (tier := request.service_tier) not in (None, "auto"):
        if tier in _TIERS:
            body["serviceTier"] = _TIERS[tier]
        else:
            dropped.append(request.path_of("service_tier"))
    _report_lost(request, dropped)
    return Encoded(body, request.client_paths(dropped))


def _report_lost(request: ChatRequest, dropped: list[str]) -> None:
    if request.logit_bias:
        dropped.append(request.path_of("logit_bias"))
    if request.user is not None:
        dropped.append(request.path_of("user"))
    dropped.extend(path for path, value in request.extra.items() if told(value))
