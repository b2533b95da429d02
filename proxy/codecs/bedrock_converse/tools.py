"""A client's `toolConfig` → canonical tools. A `cachePoint` is a hint on the tool before it.

Source: botocore 1.44.5, bedrock-runtime service model (ToolConfiguration), read 2026-11-25.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import fields
from proxy.codecs.bedrock_converse.blocks import cache_hint
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.codecs.jsonbody import parse_object
from proxy.core.request import Tool, ToolChoice

_SPEC = frozenset(("name", "description", "inputSchema", "strict"))


def decode_tool_config(config: dict[str, Any], shape: Shape, extra: dict[str, Any]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """What has no canonical form goes to `extra` as `toolConfig.name`."""
    if not config:
        return (), None
    tools: list[Tool] = []
    given = config.get("tools")
    if given is not None:
        shape.spelled.add("toolConfig.tools")
        for index, item in enumerate(fields.as_array(given, "toolConfig.tools")):
            _add(item, f"toolConfig.tools[{index}]", tools, shape, extra)
    choice = None if config.get("toolChoice") is None else _choice(config["toolChoice"], "toolConfig.toolChoice")
    known = {"tools"} if choice is None else {"tools", "toolChoice"}
    extra.update((f"toolConfig.{key}", value) for key, value in config.items() if key not in known)
    return tuple(tools), choice


def _add(item: Any, path: str, tools: list[Tool], shape: Shape, extra: dict[str, Any]) -> None:
    kind, member = fields.union(item, path)
    hint = cache_hint(member) if kind == "cachePoint" else None
    if kind == "toolSpec":
        tools.append(_spec(item, member, path, shape, extra))
    elif hint is not None and tools and tools[-1].opaque is None and tools[-1].cache is None:
        shape.places[f"{tools[-1].path}.cache_control"] = path
        tools[-1] = msgspec.structs.replace(tools[-1], cache=hint)
    else:
        name = member.get("name") if isinstance(member, dict) else None
        tools.append(Tool(name=name if isinstance(name, str) else kind, opaque=item, dialect=fields.DIALECT, path=path))


def _spec(item: dict[str, Any], value: Any, path: str, shape: Shape, extra: dict[str, Any]) -> Tool:
    """The tool, and its own form where the canonical one does not carry all of it."""
    at = f"{path}.toolSpec"
    spec = fields.as_object(value, at)
    schema = _schema(fields.optional_object(spec, "inputSchema", at), f"{at}.inputSchema")
    if not spec.keys() <= _SPEC or schema is None or spec.get("inputSchema") != {"json": schema}:
        shape.kept[path] = item
        extra.update((f"{at}.{key}", told) for key, told in spec.items() if key not in _SPEC)
    return Tool(
        name=fields.name(spec, "name", at),
        description=fields.optional_text(spec, "description", at),
        parameters=schema,
        strict=fields.optional_flag(spec, "strict", at),
        path=path,
    )


def _schema(value: dict[str, Any] | None, path: str) -> dict[str, Any] | None:
    """Clients send the schema as an object; as JSON text it is taken, too."""
    schema = None if value is None else value.get("json")
    if isinstance(schema, str):
        try:
            return parse_object(schema.encode("utf-8", "surrogatepass"))
        except InvalidBody as exc:
            raise InvalidBody(f"{path}.json: {exc.message}", f"{path}.json") from None
    return None if schema is None else fields.as_object(schema, f"{path}.json")


def _choice(value: Any, path: str) -> ToolChoice | None:
    kind, member = fields.union(value, path)
    if kind == "tool":
        tool = fields.as_object(member, f"{path}.tool")
        return ToolChoice(mode="named", names=(fields.name(tool, "name", f"{path}.tool"),)) if len(tool) == 1 else None
    if member != {} or kind not in ("auto", "any"):
        return None
    return ToolChoice(mode="auto" if kind == "auto" else "required")
