"""A client's Messages request → canonical.

Source: anthropic SDK 2.12, types/message_create_params.py, read 2026-11-22; `temperature`, `top_p`, `top_k` and `output_format` are
older fields that the API still takes on older models. `service_tier` is kept in OpenAI's words (`standard_only` is `default`).
"""

from typing import Any, cast

from proxy.codecs.anthropic_messages import fields
from proxy.codecs.anthropic_messages.blocks import decode_cache, decode_content
from proxy.codecs.anthropic_messages.shape import Residue, WireRequest, told_of
from proxy.codecs.base import InvalidBody
from proxy.core.messages import Message, OpaquePart, Role, TextPart
from proxy.core.request import Reasoning, ResponseFormat, Tool, ToolChoice

SERVICE_TIERS = {"auto": "auto", "standard_only": "default"}

_REQUIRED = frozenset(("model", "messages", "max_tokens"))
_SETTINGS = ("temperature", "top_p", "top_k", "stop_sequences", "stream", "service_tier", "metadata")
_OPTIONAL = frozenset(("system", "tools", "tool_choice", "thinking", "output_config", "output_format", *_SETTINGS))
_ROLES = frozenset(("user", "assistant", "system"))
_TOOL_REQUIRED = frozenset(("name", "input_schema"))
_TOOL_OPTIONAL = frozenset(("cache_control", "strict"))
_THINKING = frozenset(("enabled", "disabled", "adaptive"))
_CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}


def decode_request(body: dict[str, Any]) -> WireRequest:
    """Raises InvalidBody naming the field. Values that only the provider can judge (a model's name, a schema) pass."""
    residue = Residue()
    model = fields.name(body, "model", "")
    if body.get("max_tokens") is None:
        raise fields.missing("max_tokens")
    extra = {key: value for key, value in body.items() if key not in _REQUIRED and key not in _OPTIONAL}
    paths = {"stop": "stop_sequences", "user": "metadata.user_id", "parallel_tool_calls": "tool_choice.disable_parallel_tool_use"}
    messages = _system(body, residue) + _messages(body, residue)
    tools = _tools(body, residue)
    tool_choice = _tool_choice(body, residue)
    response_format = _format(body, extra, paths, residue)
    reasoning = _reasoning(body, extra, paths, residue)
    user = _user(body, residue)
    _keep_spelling(body, residue)
    extra.update((path, value) for path, value in residue.telling.items() if not path.startswith(("messages[", "system")))
    return WireRequest(
        dialect=fields.DIALECT,
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=_parallel(body),
        max_tokens=fields.optional_integer(body, "max_tokens", "", minimum=1),
        temperature=fields.optional_fraction(body, "temperature", ""),
        top_p=fields.optional_fraction(body, "top_p", ""),
        top_k=fields.optional_integer(body, "top_k", ""),
        stop=_stops(body),
        response_format=response_format,
        reasoning=reasoning,
        user=user,
        service_tier=_service_tier(body),
        stream=fields.optional_flag(body, "stream", "") or False,
        extra=extra,
        paths=paths,
        residue=residue.fields,
        strings=frozenset(residue.strings),
    )


def _stops(body: dict[str, Any]) -> tuple[str, ...]:
    values = fields.optional_array(body, "stop_sequences")
    return tuple(fields.as_text(value, f"stop_sequences[{i}]") for i, value in enumerate(values))


def _keep_spelling(body: dict[str, Any], residue: Residue) -> None:
    for key in _OPTIONAL:
        if key in body and (body[key] is None or body[key] is False or body[key] in ([], {}, "")):
            residue.keep_field("", key, body[key])


def _system(body: dict[str, Any], residue: Residue) -> tuple[Message, ...]:
    value = body.get("system")
    if value is None or value in ("", []):
        return ()
    parts = decode_content(value, "system", residue)
    _only_text(parts, "system")
    return (Message(role="system", content=parts, path="system", extra=told_of(residue.telling, "system")),)


def _only_text(parts: tuple[Any, ...], path: str) -> None:
    for i, part in enumerate(parts):
        if not isinstance(part, TextPart | OpaquePart):
            raise InvalidBody(f"{path}[{i}].type: a system prompt holds text blocks only", f"{path}[{i}].type")


def _messages(body: dict[str, Any], residue: Residue) -> tuple[Message, ...]:
    if "messages" not in body:
        raise fields.missing("messages")
    values = fields.as_array(body["messages"], "messages")
    if not values:
        raise InvalidBody("messages: at least one message is required", "messages")
    return tuple(_message(value, f"messages[{i}]", residue) for i, value in enumerate(values))


def _message(value: Any, path: str, residue: Residue) -> Message:
    turn = fields.as_object(value, path)
    role = fields.text(turn, "role", path)
    if role not in _ROLES:
        raise InvalidBody(f"{path}.role: must be user, assistant or system", f"{path}.role")
    if "content" not in turn:
        raise fields.missing(f"{path}.content")
    content = decode_content(turn["content"], f"{path}.content", residue)
    if role == "system":
        _only_text(content, f"{path}.content")
    extra = {key: item for key, item in turn.items() if key not in ("role", "content")}
    extra.update(told_of(residue.telling, path))
    return Message(role=cast(Role, role), content=content, path=path, extra=extra)


def _tools(body: dict[str, Any], residue: Residue) -> tuple[Tool, ...]:
    values = fields.optional_array(body, "tools")
    return tuple(_tool(value, f"tools[{i}]", residue) for i, value in enumerate(values))


def _tool(value: Any, path: str, residue: Residue) -> Tool:
    tool = fields.as_object(value, path)
    kind = fields.optional_text(tool, "type", path)
    if kind is not None and kind != "custom":
        name = fields.optional_text(tool, "name", path) or kind
        return Tool(name=name, opaque=tool, dialect=fields.DIALECT, path=path)
    name = fields.name(tool, "name", path)
    if "input_schema" not in tool:
        raise fields.missing(f"{path}.input_schema")
    spelt = {key: item for key, item in tool.items() if key != "description"}
    if "type" in spelt:
        residue.keep_field(path, "type", spelt.pop("type"))
    if "description" in tool and tool["description"] is None:
        residue.keep_field(path, "description", None)
    residue.keep(spelt, path, _TOOL_REQUIRED, _TOOL_OPTIONAL)
    return Tool(
        name=name,
        description=fields.optional_text(tool, "description", path),
        parameters=fields.as_object(tool["input_schema"], f"{path}.input_schema"),
        strict=fields.optional_flag(tool, "strict", path),
        cache=decode_cache(tool, path, residue),
        path=path,
    )


def _tool_choice(body: dict[str, Any], residue: Residue) -> ToolChoice | None:
    value = body.get("tool_choice")
    if value is None:
        return None
    choice = fields.as_object(value, "tool_choice")
    kind = fields.text(choice, "type", "tool_choice")
    mode = _CHOICES.get(kind)
    if mode is None:
        raise InvalidBody("tool_choice.type: must be auto, any, tool or none", "tool_choice.type")
    names = (fields.name(choice, "name", "tool_choice"),) if mode == "named" else ()
    residue.keep(choice, "tool_choice", frozenset(("type", "name", "disable_parallel_tool_use")), frozenset())
    return ToolChoice(mode=cast(Any, mode), names=names)


def _parallel(body: dict[str, Any]) -> bool | None:
    choice = body.get("tool_choice")
    disabled = fields.optional_flag(choice, "disable_parallel_tool_use", "tool_choice") if isinstance(choice, dict) else None
    return None if disabled is None else not disabled


def _format(body: dict[str, Any], extra: dict[str, Any], paths: dict[str, str], residue: Residue) -> ResponseFormat | None:
    """`output_config.format`, or the beta's `output_format`. One of an unknown type stays as it is."""
    config = body.get("output_config")
    value, path = None, "output_config.format"
    if config is not None:
        value = fields.as_object(config, "output_config").get("format")
    if value is None:
        value, path = body.get("output_format"), "output_format"
    elif body.get("output_format") is not None:
        extra["output_format"] = body["output_format"]
    if value is None:
        return None
    given = fields.as_object(value, path)
    if fields.text(given, "type", path) != "json_schema":
        _keep_format(path, given, extra, residue)
        return None
    paths["response_format"] = path
    if "schema" not in given:
        raise fields.missing(f"{path}.schema")
    residue.keep(given, path, frozenset(("type", "schema")), frozenset())
    return ResponseFormat(kind="json_schema", schema=fields.as_object(given["schema"], f"{path}.schema"))


def _keep_format(path: str, given: dict[str, Any], extra: dict[str, Any], residue: Residue) -> None:
    extra[path] = given
    parent, _, key = path.rpartition(".")
    if parent:
        residue.keep_field(parent, key, given)


def _reasoning(body: dict[str, Any], extra: dict[str, Any], paths: dict[str, str], residue: Residue) -> Reasoning | None:
    mode = budget = effort = None
    rest: dict[str, Any] = {}
    if body.get("thinking") is not None:
        thinking = fields.as_object(body["thinking"], "thinking")
        mode = fields.text(thinking, "type", "thinking")
        if mode in _THINKING:
            budget = fields.optional_integer(thinking, "budget_tokens", "thinking", minimum=1)
            if mode == "enabled" and budget is None:
                raise fields.missing("thinking.budget_tokens")
            rest = {k: v for k, v in thinking.items() if k != "type" and (k != "budget_tokens" or v is None)}
            paths["reasoning"] = "thinking"
        else:
            extra["thinking"] = thinking
            mode = None
    if body.get("output_config") is not None:
        config = fields.as_object(body["output_config"], "output_config")
        effort = fields.optional_text(config, "effort", "output_config")
        residue.keep(config, "output_config", frozenset(), frozenset(("effort", "format")))
    if mode is None and effort is None:
        return None
    paths.setdefault("reasoning", "output_config.effort")
    return Reasoning(mode=cast(Any, mode), budget_tokens=budget, effort=effort, extra=rest)


def _user(body: dict[str, Any], residue: Residue) -> str | None:
    if body.get("metadata") is None:
        return None
    metadata = fields.as_object(body["metadata"], "metadata")
    residue.keep(metadata, "metadata", frozenset(), frozenset(("user_id",)))
    return fields.optional_text(metadata, "user_id", "metadata")


def _service_tier(body: dict[str, Any]) -> str | None:
    tier = fields.optional_text(body, "service_tier", "")
    return None if tier is None else SERVICE_TIERS.get(tier, tier)
