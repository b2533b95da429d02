"""Canonical request → Messages body.

A request of this dialect is written back as it came. One of another dialect is fitted to what the API and the model accept; what is
lost or only approximated is reported under the client's own JSON paths.

Source: anthropic SDK 2.12, types/message_create_params.py, read 2026-11-22.
"""

from collections.abc import Callable
from typing import Any

from proxy.codecs.anthropic_messages.fields import DIALECT
from proxy.codecs.anthropic_messages.models import ModelFacts
from proxy.codecs.anthropic_messages.parts import with_cache
from proxy.codecs.anthropic_messages.reasoning import encode_reasoning, encode_sampling
from proxy.codecs.anthropic_messages.turns import encode_turns, told
from proxy.codecs.base import Encoded
from proxy.codecs.part_path import strict_path
from proxy.core.request import ChatRequest, ResponseFormat, Tool

_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def encode_foreign(request: ChatRequest, default_max_tokens: int, facts_of: Callable[[str], ModelFacts]) -> Encoded:
    """A request of another dialect. Raises InvalidBody on tool arguments that are no JSON object and on unusable data URLs."""
    dropped: list[str] = []
    facts = facts_of(request.model)
    system, messages = encode_turns(request, dropped)
    reasoning = encode_reasoning(request, facts, default_max_tokens, dropped)
    max_tokens = reasoning.max_tokens or request.max_tokens or default_max_tokens
    body: dict[str, Any] = {"model": request.model, "max_tokens": max_tokens, "messages": messages}
    if system is not None:
        body["system"] = system
    body.update(encode_sampling(request, facts, reasoning.thinking, dropped))
    body.update(reasoning.fields)
    _add_stops(request, body, dropped)
    _add_tools(request, body, dropped)
    _add_format(request, body, dropped)
    _add_small(request, body, dropped)
    _report_lost(request, dropped)
    return Encoded(body, request.client_paths(dropped))


def _add_stops(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    """The API refuses a stop sequence of white space only."""
    stops = [stop for stop in request.stop if stop.strip()]
    if stops:
        body["stop_sequences"] = stops
    if len(stops) < len(request.stop):
        dropped.append(request.path_of("stop"))


def _add_small(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        if request.service_tier in _TIERS:
            body["service_tier"] = _TIERS[request.service_tier]
        else:
            dropped.append(request.path_of("service_tier"))
    if request.stream:
        body["stream"] = True


def _add_format(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    """A JSON schema; the API has no schemaless JSON mode, and its schemas are always strict."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return
    path = request.path_of("response_format")
    if wanted.kind == "json_object" or wanted.schema is None:
        dropped.append(path)
        return
    if wanted.strict is False:
        dropped.append(strict_path(path))
    body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": _described(wanted.schema, wanted)}


def _described(schema: dict[str, Any], wanted: ResponseFormat) -> dict[str, Any]:
    """The model reads the format's description; here it can only stand in the schema."""
    if wanted.description and "description" not in schema:
        return {**schema, "description": wanted.description}
    return schema


def _add_tools(request: ChatRequest, body: dict[str, Any], dropped: list[str]) -> None:
    choice = request.tool_choice
    allowed = choice.names if choice is not None and choice.mode == "allowed" else None
    tools = []
    for i, tool in enumerate(request.tools):
        encoded = _tool(tool, tool.path or f"tools[{i}]", dropped)
        if encoded is not None and (allowed is None or tool.name in allowed):
            tools.append(encoded)
    if allowed is not None:
        dropped.append(request.path_of("tool_choice"))
    if not tools:
        if choice is not None and choice.mode in ("required", "named"):
            dropped.append(request.path_of("tool_choice"))
        return
    body["tools"] = tools
    chosen = encode_choice(request)
    if chosen is not None:
        body["tool_choice"] = chosen


def _tool(tool: Tool, path: str, dropped: list[str]) -> dict[str, Any] | None:
    if tool.opaque is not None:
        if tool.dialect == DIALECT:
            return dict(tool.opaque)
        dropped.append(path)
        return None
    schema = tool.parameters or _EMPTY_SCHEMA
    if "type" not in schema:
        schema = {"type": "object", **schema}
    encoded: dict[str, Any] = {"name": tool.name, "input_schema": schema}
    if tool.description:
        encoded["description"] = tool.description
    if tool.strict:
        encoded["strict"] = True
    return with_cache(encoded, tool.cache)


def encode_choice(request: ChatRequest) -> dict[str, Any] | None:
    """`tool_choice`, which also carries the wish for one call at a time."""
    choice = request.tool_choice
    encoded: dict[str, Any] | None = None
    if choice is not None:
        mode = choice.allowed_mode if choice.mode == "allowed" else choice.mode
        encoded = {"type": {"auto": "auto", "none": "none", "required": "any", "named": "tool"}[mode]}
        if mode == "named":
            encoded["name"] = choice.names[0]
    if request.parallel_tool_calls is False and (encoded is None or encoded["type"] != "none"):
        encoded = {**(encoded or {"type": "auto"}), "disable_parallel_tool_use": True}
    return encoded


_LOST = ("logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")


def _report_lost(request: ChatRequest, dropped: list[str]) -> None:
    """Canonical fields that the API lacks, unless they ask for what it does anyway."""
    dropped.extend(request.path_of(field) for field in _LOST if getattr(request, field))
    if request.seed is not None:
        dropped.append(request.path_of("seed"))
    if request.n > 1:
        dropped.append(request.path_of("n"))
    dropped.extend(path for path, value in request.extra.items() if told(value))
    if request.reasoning is not None:
        dropped.extend(f"{request.path_of('reasoning')}.{key}" for key in request.reasoning.extra)
