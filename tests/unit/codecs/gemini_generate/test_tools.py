"""`tools` and `toolConfig`."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.tools import choice_path, decode_choice, decode_tools
from proxy.core.request import Tool, ToolChoice


def test_functions_and_built_in_tools() -> None:
    """One tool object may hold both; either form of schema."""
    extra: dict[str, Any] = {}
    declarations = [
        {
            "name": "f",
            "description": "F",
            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            "behavior": "BLOCKING",
        },
        {"name": "g", "parameters_json_schema": {"type": "object"}},
        {"name": "h"},
    ]
    body = {"tools": [{"function_declarations": declarations, "googleSearch": {}}, {"codeExecution": {}}]}
    assert decode_tools(body, extra) == (
        Tool(
            name="f",
            description="F",
            parameters={"type": "object", "properties": {"a": {"type": "string"}}},
            path="tools[0].function_declarations[0]",
        ),
        Tool(name="g", parameters={"type": "object"}, path="tools[0].function_declarations[1]"),
        Tool(name="h", path="tools[0].function_declarations[2]"),
        Tool(name="googleSearch", opaque={"googleSearch": {}}, dialect="gemini_generate", path="tools[0].googleSearch"),
        Tool(name="codeExecution", opaque={"codeExecution": {}}, dialect="gemini_generate", path="tools[1].codeExecution"),
    )
    assert extra == {"tools[0].function_declarations[0].behavior": "BLOCKING"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({}, ToolChoice(mode="auto")),
        ({"mode": "none"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="named", names=("f",))),
        ({"mode": "ANY", "allowed_function_names": ["f", "g"]}, ToolChoice(mode="allowed", names=("f", "g"), allowed_mode="required")),
    ],
)
def test_choices(given: dict[str, Any], expected: ToolChoice) -> None:
    """ANY with one name is that function."""
    extra: dict[str, Any] = {}
    assert decode_choice({"toolConfig": {"functionCallingConfig": given}}, extra) == expected
    assert extra == {}


def test_validated_is_auto_and_told() -> None:
    """Other dialects hold calls to their schemas tool by tool."""
    extra: dict[str, Any] = {}
    given = {"mode": "VALIDATED", "allowedFunctionNames": ["f"], "x": 1}
    body = {"tool_config": {"function_calling_config": given, "retrievalConfig": {"a": 1}}}
    assert decode_choice(body, extra) == ToolChoice(mode="allowed", names=("f",), allowed_mode="auto")
    assert choice_path(body) == "tool_config.function_calling_config"
    assert extra == {
        "tool_config.retrievalConfig": {"a": 1},
        "tool_config.function_calling_config.x": 1,
        "tool_config.function_calling_config.mode": "VALIDATED",
    }


def test_no_choice() -> None:
    """Nothing, or only other configuration."""
    assert decode_choice({}, {}) is None
    assert decode_choice({"toolConfig": {"retrievalConfig": {}}}, {}) is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"functionDeclarations": [{"description": "x"}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": "x"}]}]}, "tools[0].functionDeclarations[0].parameters"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            {"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": "f"}}},
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        ({"toolConfig": {"functionCallingConfig": []}}, "toolConfig.functionCallingConfig"),
    ],
)
def test_broken_ones_are_refused(body: dict[str, Any], path: str) -> None:
    """With their path."""
    with pytest.raises(InvalidBody) as caught:
        decode_tools(body, {})
        decode_choice(body, {})
    assert caught.value.path == path
