"""Which requests let the provider act on its own (search, code, files, remote MCP): their answers depend on more than the request.

Looked for in every dialect at once, since a body may carry another dialect's fields through a passthrough lane. What a tool type
means, unknown ones included: it runs at the provider, unless it is listed here as run by the client.
Sources: OpenAI API reference (tools, web_search_options), Anthropic tool reference, Bedrock Converse `systemTool`, Gemini API `Tool`,
xAI live search, OpenRouter plugins, DashScope enable_search; read 2026-11-22.
"""

from typing import Any

_CLIENT_TYPES = frozenset({"function", "custom"})
_CLIENT_PREFIXES = ("bash_", "text_editor_", "computer_", "memory_")
"""Anthropic's tools with a schema of its own that the client runs; their types end in a date."""

_SWITCHES = ("web_search_options", "search_parameters", "enable_search", "plugins", "mcp_servers", "container")
"""Top-level fields that turn a provider's own tool on; `web_search_options: {}` does, too."""

SUSPECTS = frozenset({*_SWITCHES, "tools", "toolConfig", "additionalModelRequestFields"})
"""Top-level fields without which `has_server_tools` is False."""

_GEMINI_CLIENT_KEYS = frozenset({"functionDeclarations", "function_declarations"})


def has_server_tools(body: dict[str, Any]) -> bool:
    """Never raises; a malformed tool list is judged by what can be read of it."""
    for name in _SWITCHES:
        if name in body and body[name] not in (None, False, []):
            return True
    if _any_server_tool(body.get("tools")):
        return True
    config = body.get("toolConfig")
    if isinstance(config, dict) and _any_server_tool(config.get("tools")):
        return True
    extra = body.get("additionalModelRequestFields")
    return isinstance(extra, dict) and has_server_tools(extra)


def _any_server_tool(tools: Any) -> bool:
    return isinstance(tools, list) and any(isinstance(tool, dict) and _runs_at_provider(tool) for tool in tools)


def _runs_at_provider(tool: dict[str, Any]) -> bool:
    kind = tool.get("type")
    if isinstance(kind, str):
        return kind not in _CLIENT_TYPES and not kind.startswith(_CLIENT_PREFIXES)
    if "name" in tool or "function" in tool or "toolSpec" in tool or "cachePoint" in tool:
        return False
    return any(key not in _GEMINI_CLIENT_KEYS for key in tool)
