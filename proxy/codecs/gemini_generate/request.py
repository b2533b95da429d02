"""A client's generateContent body → canonical.

`model` and `stream` stand in the URL; whoever serves it puts them into the body at top level.
Source: ai.google.dev "models.generateContent", read 2026-11-25.
"""

from typing import Any

import msgspec

from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.config import Config
from proxy.codecs.gemini_generate.contents import decode_messages
from proxy.codecs.gemini_generate.tools import choice_path, decode_choice, decode_tools
from proxy.core.request import ChatRequest

_KNOWN = frozenset(("model", "stream", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"))
_TIERS = {"standard": "default", "unspecified": "auto"}


class WireRequest(ChatRequest, frozen=True, kw_only=True):
    """A request decoded from this dialect, with the body that it came from: what no policy changes is written back as it came."""

    source: dict[str, Any] = {}
    pristine: ChatRequest | None = None
    """As decoded, before any policy."""


def decode_request(body: dict[str, Any]) -> WireRequest:
    """Raises InvalidBody naming the field. Values that only the provider can judge (a model's name, a schema) pass."""
    model = fields.text(body, "model", "").removeprefix("models/")
    config = Config(body)
    places: dict[str, str] = {}
    messages = decode_messages(body, places)
    extra = {**fields.rest(body, _KNOWN), **config.extra}
    paths = {
        "messages": "contents",
        "service_tier": fields.key_of(body, "serviceTier"),
        "tool_choice": choice_path(body),
        **config.paths,
    }
    tier = fields.optional_text(body, "serviceTier", "")
    request = WireRequest(
        dialect=fields.DIALECT,
        model=model,
        messages=messages,
        tools=decode_tools(body, extra),
        tool_choice=decode_choice(body, extra),
        service_tier=None if tier is None else _TIERS.get(tier.lower(), tier.lower()),
        stream=fields.optional_flag(body, "stream", "") or False,
        extra=extra,
        paths=paths,
        places=places,
        source=body,
        **config.fields,
    )
    return msgspec.structs.replace(request, pristine=request)
