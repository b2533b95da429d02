"""Tools of another dialect → `toolConfig`.

The API has no `tool_choice: none`: the tools stay away then, unless the conversation holds calls, which need them (reported). A
conversation with calls needs `toolConfig` even where the client sent no tools: the tools that were called are declared, with any arguments.
"""

from typing import Any

from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.bedrock_converse.parts import Block, BlockWriter
from proxy.core.messages import ToolUsePart
from proxy.core.request import ChatRequest, Tool, ToolChoice

_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def encode_tools(request: ChatRequest, writer: BlockWriter) -> Block | None:
    """`toolConfig`; None where there are no tools."""
    choice = request.tool_choice
    called = _called(request)
    silent = choice is not None and choice.mode == "none"
    if silent and not called:
        return None
    allowed = choice.names if choice is not None and choice.mode == "allowed" else None
    tools: list[Block] = []
    for index, tool in enumerate(request.tools):
        if allowed is None or tool.name in allowed:
            tools += _tool(tool, tool.path or f"tools[{index}]", writer)
    if allowed is not None or (silent and tools):
        writer.dropped.append(request.path_of("tool_choice"))
    if not tools:
        if choice is not None and choice.mode in ("required", "named"):
            writer.dropped.append(request.path_of("tool_choice"))
        tools = [_spec(Tool(name=name)) for name in called]
        return {"tools": tools} if tools else None
    config: Block = {"tools": tools}
    chosen = None if choice is None else encode_choice(choice)
    if chosen is not None:
        config["toolChoice"] = chosen
    return config


def encode_choice(choice: ToolChoice) -> Block | None:
    """None for `none`, which the API lacks."""
    mode = choice.allowed_mode if choice.mode == "allowed" else choice.mode
    if mode == "named":
        return {"tool": {"name": choice.names[0]}}
    return {"auto": {"auto": {}}, "required": {"any": {}}}.get(mode)


def _called(request: ChatRequest) -> list[str]:
    """Names of the tools that the conversation's calls are of."""
    return list(dict.fromkeys(part.name for message in request.messages for part in message.content if isinstance(part, ToolUsePart)))


def _tool(tool: Tool, path: str, writer: BlockWriter) -> list[Block]:
    if tool.opaque is not None:
        if tool.dialect == DIALECT:
            return [tool.opaque]
        writer.dropped.append(path)
        return []
    return [_spec(tool), *(writer.cache_point(tool.cache, path) if tool.cache is not None else [])]


def _spec(tool: Tool) -> Block:
    schema = tool.parameters or _EMPTY_SCHEMA
    if "type" not in schema:
        schema = {"type": "object", **schema}
    spec: Block = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return {"toolSpec": spec}
