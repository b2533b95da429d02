"""Tools of other dialects → `toolConfig`."""

from typing import Any

import pytest

from proxy.codecs.bedrock_converse.models import target_facts
from proxy.codecs.bedrock_converse.parts import BlockWriter
from proxy.codecs.bedrock_converse.provider_tools import encode_tools
from proxy.core.messages import CacheHint, Message, ToolUsePart
from proxy.core.request import ChatRequest, Tool, ToolChoice
from tests.support.converse_samples import CLAUDE, assert_valid, request_of

CALL = (Message(role="assistant", content=(ToolUsePart(id="i", name="old", arguments=""),), path="messages[0]"),)
EMPTY = {"type": "object", "properties": {}}


def config(*tools: Tool, choice: ToolChoice | None = None, messages: tuple[Message, ...] = ()) -> tuple[Any, list[str]]:
    dropped: list[str] = []
    request = ChatRequest(dialect="openai_chat", model=CLAUDE, messages=messages, tools=tools, tool_choice=choice)
    made = encode_tools(request, BlockWriter(target_facts(CLAUDE), dropped))
    if made is not None:
        assert_valid(request_of(toolConfig=made))
    return made, dropped


def spec(name: str, **fields: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": EMPTY}, **fields}}


def test_tools_with_all_they_can_have() -> None:
    """A schema without a type is an object's; an empty description goes."""
    tools = (
        Tool(name="f", description="d", strict=True, cache=CacheHint()),
        Tool(name="g", description="", parameters={"properties": {}}, strict=False),
        Tool(name="s", opaque={"systemTool": {"name": "s"}}, dialect="bedrock_converse"),
    )
    assert config(*tools) == (
        {"tools": [spec("f", description="d", strict=True), {"cachePoint": {"type": "default"}}, spec("g"), {"systemTool": {"name": "s"}}]},
        [],
    )


def test_a_foreign_built_in_tool_is_reported() -> None:
    """And a choice that needs one, too."""
    tool = Tool(name="web", opaque={"type": "web_search"}, dialect="openai_chat", path="tools[0]")
    assert config(tool, choice=ToolChoice(mode="required")) == (None, ["tools[0]", "tool_choice"])


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice(mode="auto"), {"auto": {}}),
        (ToolChoice(mode="required"), {"any": {}}),
        (ToolChoice(mode="named", names=("f",)), {"tool": {"name": "f"}}),
    ],
)
def test_choices(choice: ToolChoice, wire: dict[str, Any]) -> None:
    """In the API's words."""
    assert config(Tool(name="f"), choice=choice) == ({"tools": [spec("f")], "toolChoice": wire}, [])


def test_allowed_tools_are_the_only_ones() -> None:
    """The others stay away: reported."""
    choice = ToolChoice(mode="allowed", names=("g",), allowed_mode="required")
    assert config(Tool(name="f"), Tool(name="g"), choice=choice) == ({"tools": [spec("g")], "toolChoice": {"any": {}}}, ["tool_choice"])


def test_none_keeps_the_tools_away() -> None:
    """Unless there are calls in the conversation: then they stay, and the choice is reported."""
    none = ToolChoice(mode="none")
    assert config(Tool(name="f"), choice=none) == (None, [])
    assert config(Tool(name="f"), choice=none, messages=CALL) == ({"tools": [spec("f")]}, ["tool_choice"])


def test_calls_without_tools_declare_them() -> None:
    """The API refuses calls without a toolConfig."""
    assert config(messages=CALL) == ({"tools": [spec("old")]}, [])
    assert config() == (None, [])
