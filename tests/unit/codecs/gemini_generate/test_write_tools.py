"""Canonical tools as `tools` and `toolConfig`."""

from typing import Any

import pytest

from proxy.codecs.gemini_generate.write_tools import encode_choice, encode_tools
from proxy.core.messages import CacheHint
from proxy.core.request import ChatRequest, Tool, ToolChoice

F = Tool(name="f", path="tools[0]")


def asked(*tools: Tool, **fields: Any) -> ChatRequest:
    return ChatRequest(dialect="openai_chat", model="m", messages=(), tools=tools, **fields)


def test_functions_in_one_object() -> None:
    """A schema in the API's own kind where it fits, as JSON Schema where not, none where it says nothing."""
    fitting = {"type": "object", "properties": {"a": {"type": "string"}}}
    other = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}
    dropped: list[str] = []
    tools = encode_tools(
        asked(
            Tool(name="f", description="F", parameters=fitting, cache=CacheHint(), path="tools[0]"),
            Tool(name="g", parameters=other, description=""),
            Tool(name="h", parameters={"type": "object", "properties": {}, "additionalProperties": False}),
            Tool(name="s", opaque={"type": "web_search"}, dialect="anthropic_messages", path="tools[3]"),
            Tool(name="googleSearch", opaque={"googleSearch": {}}, dialect="gemini_generate"),
        ),
        dropped,
    )
    assert tools == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "F", "parameters": fitting},
                {"name": "g", "parametersJsonSchema": other},
                {"name": "h"},
            ]
        },
        {"googleSearch": {}},
    ]
    assert dropped == ["tools[0].cache_control", "tools[3]"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="named", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="allowed", names=("f",), allowed_mode="required"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(mode="allowed", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_choices(choice: ToolChoice | None, expected: dict[str, Any] | None) -> None:
    """Every mode has its own."""
    dropped: list[str] = []
    assert encode_choice(asked(F, tool_choice=choice), dropped) == expected
    assert dropped == []


@pytest.mark.parametrize("choice", [None, ToolChoice(mode="auto")])
def test_a_strict_tool_makes_calls_validated(choice: ToolChoice | None) -> None:
    """Calls keep to their schemas."""
    assert encode_choice(asked(Tool(name="f", strict=True), tool_choice=choice), []) == {"mode": "VALIDATED"}


def test_one_call_at_a_time_has_no_word() -> None:
    """And a forced tool without tools none either."""
    dropped: list[str] = []
    assert encode_choice(asked(F, parallel_tool_calls=False), dropped) is None
    assert encode_choice(asked(tool_choice=ToolChoice(mode="required")), dropped) is None
    assert encode_choice(asked(tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False), dropped) is None
    assert dropped == ["parallel_tool_calls", "tool_choice"]
