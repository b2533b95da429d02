"""`tools` and `toolConfig` → canonical.

One tool object may hold function declarations and built-in tools side by side; each becomes a tool of its own, the built-in ones opaque.
Source: ai.google.dev "Tool", "FunctionDeclaration", "FunctionCallingConfig", read 2026-11-25.
"""

from typing import Any, Literal

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.schema import to_json_schema
from proxy.core.request import Tool, ToolChoice

_FUNCTIONS = frozenset(("functionDeclarations",))
_DECLARATION = frozenset(("name", "description", "parameters", "parametersJsonSchema"))
_CHOICE = frozenset(("mode", "allowedFunctionNames"))
_CONFIG = frozenset(("functionCallingConfig",))


def decode_tools(body: dict[str, Any], extra: dict[str, Any]) -> tuple[Tool, ...]:
    """Fields of a declaration without a canonical place go to `extra`, under their path."""
    tools: list[Tool] = []
    for i, value in enumerate(fields.optional_list(body, "tools", "")):
        path = f"tools[{i}]"
        tool = fields.as_object(value, path)
        key = fields.key_of(tool, "functionDeclarations")
        for j, item in enumerate(fields.optional_list(tool, "functionDeclarations", path)):
            where = f"{path}.{key}[{j}]"
            tools.append(_function(fields.as_object(item, where), where, extra))
        tools += [
            Tool(name=name, opaque={name: item}, dialect=fields.DIALECT, path=f"{path}.{name}")
            for name, item in fields.rest(tool, _FUNCTIONS).items()
        ]
    return tuple(tools)


def _function(declaration: dict[str, Any], path: str, extra: dict[str, Any]) -> Tool:
    json_schema = fields.optional_object(declaration, "parametersJsonSchema", path)
    schema = fields.optional_object(declaration, "parameters", path)
    for key, value in fields.rest(declaration, _DECLARATION).items():
        extra[f"{path}.{key}"] = value
    if json_schema is None and schema is not None:
        json_schema = to_json_schema(schema)
    return Tool(
        name=fields.text(declaration, "name", path),
        description=fields.optional_text(declaration, "description", path),
        parameters=json_schema,
        path=path,
    )


def choice_path(body: dict[str, Any]) -> str:
    key = fields.key_of(body, "toolConfig")
    config = body.get(key)
    inner = fields.key_of(config, "functionCallingConfig") if isinstance(config, dict) else "functionCallingConfig"
    return f"{key}.{inner}"


def decode_choice(body: dict[str, Any], extra: dict[str, Any]) -> ToolChoice | None:
    """VALIDATED, which also holds calls to their schemas, is `auto` and reported."""
    config = fields.optional_object(body, "toolConfig", "")
    if config is None:
        return None
    base, path = fields.key_of(body, "toolConfig"), choice_path(body)
    for key, value in fields.rest(config, _CONFIG).items():
        extra[f"{base}.{key}"] = value
    given = fields.optional_object(config, "functionCallingConfig", base)
    if given is None:
        return None
    for key, value in fields.rest(given, _CHOICE).items():
        extra[f"{path}.{key}"] = value
    mode = (fields.optional_text(given, "mode", path) or "AUTO").upper()
    values = fields.pick(given, "allowedFunctionNames") or []
    if not isinstance(values, list):
        raise fields.wrong(values, "an array of strings", f"{path}.allowedFunctionNames")
    names = tuple(fields.as_text(item, f"{path}.allowedFunctionNames[{i}]") for i, item in enumerate(values))
    if mode == "VALIDATED":
        extra[f"{path}.mode"] = mode
    return _choice(mode, names, path)


def _choice(mode: str, names: tuple[str, ...], path: str) -> ToolChoice:
    if mode == "NONE":
        return ToolChoice(mode="none")
    if mode == "ANY":
        if len(names) == 1:
            return ToolChoice(mode="named", names=names)
        return _allowed(names, "required") if names else ToolChoice(mode="required")
    if mode in ("AUTO", "VALIDATED", "MODE_UNSPECIFIED"):
        return _allowed(names, "auto") if names else ToolChoice(mode="auto")
    raise InvalidBody(f"{path}.mode must be AUTO, ANY, NONE or VALIDATED, not {mode[:40]!r}", f"{path}.mode")


def _allowed(names: tuple[str, ...], mode: Literal["auto", "required"]) -> ToolChoice:
    return ToolChoice(mode="allowed", names=names, allowed_mode=mode)
