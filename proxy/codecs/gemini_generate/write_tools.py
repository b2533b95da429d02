"""Canonical tools → `tools` and `toolConfig`.

A tool's schema goes out as `parameters` where the API's own kind of schema can say it, else as `parametersJsonSchema`. A strict tool
makes the mode VALIDATED, which holds every call to its schema (ANY does so anyway).
"""

from typing import Any

from proxy.codecs.gemini_generate.fields import DIALECT
from proxy.codecs.gemini_generate.schema import fits, says_nothing
from proxy.core.request import ChatRequest, Tool, ToolChoice


def encode_tools(request: ChatRequest, dropped: list[str]) -> list[dict[str, Any]]:
    declarations: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for i, tool in enumerate(request.tools):
        path = tool.path or f"tools[{i}]"
        if tool.cache is not None:
            dropped.append(f"{path}.cache_control")
        if tool.opaque is None:
            declarations.append(_declaration(tool))
        elif tool.dialect == DIALECT:
            own.append(dict(tool.opaque))
        else:
            dropped.append(path)
    return [*([{"functionDeclarations": declarations}] if declarations else []), *own]


def _declaration(tool: Tool) -> dict[str, Any]:
    out: dict[str, Any] = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    schema = tool.parameters
    if schema and not says_nothing(schema):
        out["parameters" if fits(schema) else "parametersJsonSchema"] = schema
    return out


def encode_choice(request: ChatRequest, dropped: list[str]) -> dict[str, Any] | None:
    """`functionCallingConfig`; without function tools there is nothing to choose."""
    functions = [tool for tool in request.tools if tool.opaque is None]
    choice = request.tool_choice
    if request.parallel_tool_calls is False and functions:
        dropped.append(request.path_of("parallel_tool_calls"))
    if not functions:
        if choice is not None and choice.mode not in ("auto", "none"):
            dropped.append(request.path_of("tool_choice"))
        return None
    strict = any(tool.strict for tool in functions)
    if choice is None:
        return {"mode": "VALIDATED"} if strict else None
    return _config(choice, strict)


def _config(choice: ToolChoice, strict: bool) -> dict[str, Any]:
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "auto":
        return {"mode": "VALIDATED" if strict else "AUTO"}
    if choice.mode == "required":
        return {"mode": "ANY"}
    mode = "VALIDATED" if choice.mode == "allowed" and choice.allowed_mode == "auto" else "ANY"
    return {"mode": mode, "allowedFunctionNames": list(choice.names)}
