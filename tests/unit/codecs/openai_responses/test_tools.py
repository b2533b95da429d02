"""Tools and the choice among them."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.tools import decode_choice, decode_tools, encode_choice, encode_tool
from proxy.core.request import Tool, ToolChoice

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False}
CUSTOM = Tool(name="sh", opaque={"type": "custom", "name": "sh"}, dialect="openai_responses")


def test_functions_and_others() -> None:
    """Every tool but a function stays as it is; what is unknown of a function is kept."""
    extra: dict[str, Any] = {}
    function, search, custom = decode_tools([{**FUNCTION, "defer_loading": True}, {"type": "web_search"}, CUSTOM.opaque], extra)
    assert encode_tool(function, own=True) == FUNCTION
    assert extra == {"tools[0].defer_loading": True}
    assert (search.name, search.opaque, search.dialect) == ("web_search", {"type": "web_search"}, "openai_responses")
    assert custom.name == "sh"


def test_strict_is_said_for_another_dialect() -> None:
    """Left out it is true here and false there."""
    assert encode_tool(Tool(name="f"), own=False) == {"type": "function", "name": "f", "strict": False}
    assert encode_tool(Tool(name="f"), own=True) == {"type": "function", "name": "f"}
    assert encode_tool(Tool(name="f", strict=True), own=False)["strict"] is True


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="named", names=("f",))),
        ({"type": "custom", "name": "sh"}, ToolChoice(mode="named", names=("sh",))),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(mode="allowed", names=("f",), allowed_mode="required"),
        ),
    ],
)
def test_choices_and_back(given: Any, choice: ToolChoice) -> None:
    """Each form."""
    assert decode_choice(given) == choice
    assert encode_choice(choice, (Tool(name="f"), CUSTOM)) == given


@pytest.mark.parametrize(
    "given",
    [
        {"type": "file_search"},
        {"type": "mcp", "server_label": "w"},
        {"type": "function", "name": "f", "novel": 1},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "w"}]},
    ],
)
def test_choices_of_this_dialect_alone(given: dict[str, Any]) -> None:
    """They name more than functions."""
    assert decode_choice(given) is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("any", "tool_choice"),
        (5, "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "allowed_tools", "mode": "x", "tools": []}, "tool_choice.mode"),
        ({"type": "allowed_tools", "mode": "auto"}, "tool_choice.tools"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [5]}, "tool_choice.tools[0]"),
    ],
)
def test_broken_choices(given: Any, path: str) -> None:
    """Named by their place."""
    with pytest.raises(InvalidBody) as caught:
        decode_choice(given)
    assert caught.value.path == path


@pytest.mark.parametrize("broken", [{}, {"type": "function"}, {**FUNCTION, "parameters": 5}, {**FUNCTION, "strict": "yes"}])
def test_broken_tools(broken: dict[str, Any]) -> None:
    """Named by their place."""
    with pytest.raises(InvalidBody) as caught:
        decode_tools([broken], {})
    assert caught.value.path.startswith("tools[0].")
