"""Tools and the choice among them, both ways.

Source: openai-python 3.54, types/responses/function_tool.py and tool_choice_*.py, read 2026-11-25. Every tool but a function is this
dialect's own. A function's `strict` is true here where the client left it out: a request of another dialect says so either way.
"""

from typing import Any

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import array, boolean, keep_rest, optional, record, required, string, wrong
from proxy.codecs.openai_responses.fields import DIALECT, filled
from proxy.core.request import Tool, ToolChoice

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})


def decode_tools(value: Any, extra: dict[str, Any]) -> tuple[Tool, ...]:
    return tuple(_tool(record(item, f"tools[{i}]"), f"tools[{i}]", extra) for i, item in enumerate(array(value, "tools")))


def _tool(tool: dict[str, Any], path: str, extra: dict[str, Any]) -> Tool:
    kind = required(tool, "type", string, path)
    if kind != "function":
        name = tool.get("name")
        return Tool(name=name if isinstance(name, str) else kind, opaque=tool, dialect=DIALECT, path=path)
    keep_rest(tool, _FUNCTION, path, extra)
    return Tool(
        name=required(tool, "name", string, path),
        description=optional(tool, "description", string, path),
        parameters=optional(tool, "parameters", record, path),
        strict=optional(tool, "strict", boolean, path),
        path=path,
    )


def decode_choice(value: Any) -> ToolChoice | None:
    """None for a form that names more than functions: a built-in tool, an MCP server."""
    if value in ("auto", "none", "required"):
        return ToolChoice(mode=value)
    if isinstance(value, str):
        raise InvalidBody(f"tool_choice must be auto, none, required or an object; not {value[:40]!r}", "tool_choice")
    if not isinstance(value, dict):
        raise wrong("tool_choice", "a string or an object", value)
    kind = required(value, "type", string, "tool_choice")
    if kind in ("function", "custom"):
        name = required(value, "name", string, "tool_choice")
        return ToolChoice(mode="named", names=(name,)) if len(value) == 2 else None
    return _allowed(value) if kind == "allowed_tools" else None


def _allowed(value: dict[str, Any]) -> ToolChoice | None:
    mode = required(value, "mode", string, "tool_choice")
    if mode not in ("auto", "required"):
        raise InvalidBody(f"tool_choice.mode must be auto or required; not {mode[:40]!r}", "tool_choice.mode")
    names: list[str] = []
    for index, item in enumerate(required(value, "tools", array, "tool_choice")):
        tool = record(item, f"tool_choice.tools[{index}]")
        if tool.get("type") != "function" or len(tool) != 2:
            return None
        names.append(required(tool, "name", string, f"tool_choice.tools[{index}]"))
    return ToolChoice(mode="allowed", names=tuple(names), allowed_mode="required" if mode == "required" else "auto")


def encode_tool(tool: Tool, *, own: bool) -> dict[str, Any]:
    """A function. `own`: it came from this dialect."""
    strict = tool.strict if own else tool.strict is True
    return filled(type="function", name=tool.name, description=tool.description, parameters=tool.parameters, strict=strict)


def encode_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> str | dict[str, Any]:
    if choice.mode == "named":
        name = choice.names[0]
        custom = any(tool.name == name and tool.opaque is not None and tool.opaque.get("type") == "custom" for tool in tools)
        return {"type": "custom" if custom else "function", "name": name}
    if choice.mode == "allowed":
        names = [{"type": "function", "name": name} for name in choice.names]
        return {"type": "allowed_tools", "mode": choice.allowed_mode, "tools": names}
    return choice.mode
