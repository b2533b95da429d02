"""A request of this dialect → the body as its client wrote it, with whatever policies have changed on the way."""

from typing import Any

from proxy.codecs.anthropic_messages.parts import encode_part, with_cache
from proxy.codecs.anthropic_messages.provider_request import encode_choice
from proxy.codecs.anthropic_messages.request import SERVICE_TIERS
from proxy.codecs.anthropic_messages.shape import WireRequest, restore
from proxy.codecs.base import Encoded
from proxy.core.messages import Message, Part
from proxy.core.request import ChatRequest, Tool

_TIERS = {canonical: wire for wire, canonical in SERVICE_TIERS.items()}

Residue = dict[str, dict[str, Any]]


def encode_own(request: ChatRequest, default_max_tokens: int) -> Encoded:
    residue: Residue = request.residue if isinstance(request, WireRequest) else {}
    strings = request.strings if isinstance(request, WireRequest) else frozenset()
    dropped: list[str] = []
    system: list[dict[str, Any]] = []
    turns = []
    for message in request.messages:
        content = _content(message, residue, strings, dropped)
        if message.role in ("system", "developer") and not message.path.startswith("messages["):
            system += content
        else:
            extra = {key: value for key, value in message.extra.items() if not _is_path(key)}
            turns.append({"role": message.role, "content": _spelt(content, f"{message.path}.content", strings), **extra})
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens if request.max_tokens is not None else default_max_tokens,
        "messages": turns,
        **{key: value for key, value in request.extra.items() if not _is_path(key)},
    }
    if system:
        body["system"] = _spelt(system, "system", strings)
    _add_tools(request, body, residue)
    _add_settings(request, body, residue)
    return Encoded(restore(body, "", residue), tuple(dropped))


def _is_path(key: str) -> bool:
    """An entry of `extra` that only reports; the field itself is in the residue."""
    return "." in key or "[" in key


def _content(message: Message, residue: Residue, strings: frozenset[str], dropped: list[str]) -> list[dict[str, Any]]:
    base = message.path if message.path == "system" else f"{message.path}.content"
    blocks = [_block(part, f"{base}[{i}]", residue, strings, dropped) for i, part in enumerate(message.content)]
    return [block for block in blocks if block is not None]


def _block(part: Part, path: str, residue: Residue, strings: frozenset[str], dropped: list[str]) -> dict[str, Any] | None:
    block = encode_part(part, path, dropped, own=True)
    if block is None:
        return None
    if block["type"] == "tool_result" and "content" in block:
        inner = f"{path}.content"
        restored = [restore(item, f"{inner}[{i}]", residue) for i, item in enumerate(block["content"])]
        block["content"] = _spelt(restored, inner, strings)
    return restore(block, path, residue)


def _spelt(blocks: list[dict[str, Any]], path: str, strings: frozenset[str]) -> str | list[dict[str, Any]]:
    if path in strings and len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks


def _add_tools(request: ChatRequest, body: dict[str, Any], residue: Residue) -> None:
    if request.tools:
        body["tools"] = [_tool(tool, residue) for tool in request.tools]
    choice = encode_choice(request)
    if choice is not None and (request.tools or request.tool_choice is not None):
        if request.parallel_tool_calls is not None:
            choice["disable_parallel_tool_use"] = not request.parallel_tool_calls
        body["tool_choice"] = restore(choice, "tool_choice", residue)


def _tool(tool: Tool, residue: Residue) -> dict[str, Any]:
    if tool.opaque is not None:
        return tool.opaque
    encoded: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters or {}}
    if tool.description is not None:
        encoded["description"] = tool.description
    if tool.strict is not None:
        encoded["strict"] = tool.strict
    return {**with_cache(encoded, tool.cache), **residue.get(tool.path, {})}


def _add_settings(request: ChatRequest, body: dict[str, Any], residue: Residue) -> None:
    for field in ("temperature", "top_p", "top_k"):
        if getattr(request, field) is not None:
            body[field] = getattr(request, field)
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.stream:
        body["stream"] = True
    if request.service_tier is not None:
        body["service_tier"] = _TIERS.get(request.service_tier, request.service_tier)
    metadata = {**({"user_id": request.user} if request.user is not None else {}), **residue.get("metadata", {})}
    if metadata:
        body["metadata"] = metadata
    _add_output(request, body, residue)


def _add_output(request: ChatRequest, body: dict[str, Any], residue: Residue) -> None:
    config: dict[str, Any] = {}
    reasoning = request.reasoning
    if reasoning is not None:
        if reasoning.mode is not None:
            budget = {} if reasoning.budget_tokens is None else {"budget_tokens": reasoning.budget_tokens}
            body["thinking"] = {"type": reasoning.mode, **budget, **reasoning.extra}
        if reasoning.effort is not None:
            config["effort"] = reasoning.effort
    wanted = request.response_format
    if wanted is not None and wanted.schema is not None:
        path = request.path_of("response_format")
        schema = restore({"type": "json_schema", "schema": wanted.schema}, path, residue)
        if path == "output_format":
            body["output_format"] = schema
        else:
            config["format"] = schema
    config.update(residue.get("output_config", {}))
    if config:
        body["output_config"] = config
