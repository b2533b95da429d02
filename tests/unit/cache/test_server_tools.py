"""Which requests let the provider act on its own. Bodies written here from the providers' references, read 2026-11-22."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.server_tools import has_server_tools


@pytest.mark.parametrize(
    "body",
    [
        {"web_search_options": {}},
        {"web_search_options": {"search_context_size": "low"}},
        {"search_parameters": {"mode": "on"}},
        {"enable_search": True},
        {"plugins": [{"id": "web"}]},
        {"mcp_servers": [{"type": "url", "url": "https://mcp.example"}]},
        {"container": "container_1"},
        {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]},
        {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://mcp.example"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        {"tools": [{"type": "a_tool_of_next_year", "name": "x"}]},
        {"tools": [{"googleSearch": {}}]},
        {"tools": [{"functionDeclarations": [{"name": "f"}], "codeExecution": {}}]},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"systemTool": {"name": "nova_grounding"}}]}},
        {"additionalModelRequestFields": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}},
    ],
)
def test_tools_that_run_at_the_provider_are_found(body: dict[str, Any]) -> None:
    """In every dialect; an unknown type counts as one."""
    assert has_server_tools(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tools": []},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": {}}]},
        {"tools": [{"type": "custom", "name": "grammar"}]},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"tools": [{"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}]},
        {"tools": [{"type": "computer_20250124", "name": "computer"}]},
        {"tools": [{"type": "memory_20250818", "name": "memory"}]},
        {"tools": [{"functionDeclarations": [{"name": "googleSearch"}]}]},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}]}},
        {"web_search_options": None},
        {"enable_search": False},
        {"plugins": []},
        {"messages": [{"role": "user", "content": "web_search_options"}]},
    ],
)
def test_tools_that_the_client_runs_are_let_pass(body: dict[str, Any]) -> None:
    """Functions, and Anthropic's typed tools that act on the client's machine."""
    assert not has_server_tools(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "function", "web_search", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "tools", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["tools", "toolConfig", "additionalModelRequestFields", "plugins", "container"]), JSON))
def test_malformed_bodies_raise_nothing(body: dict[str, Any]) -> None:
    """The codec reports them, with their path; here they are only looked at."""
    has_server_tools(body)
