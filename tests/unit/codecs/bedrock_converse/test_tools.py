"""A client's `toolConfig` → canonical tools."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.codecs.bedrock_converse.tools import decode_tool_config
from proxy.core.messages import CacheHint
from proxy.core.request import Tool, ToolChoice

POINT = {"cachePoint": {"type": "default"}}


def decoded(config: dict[str, Any]) -> tuple[tuple[Tool, ...], ToolChoice | None, dict[str, Any], Shape]:
    shape = Shape()
    extra: dict[str, Any] = {}
    tools, choice = decode_tool_config(config, shape, extra)
    return tools, choice, extra, shape


def spec(**fields: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, **fields}}


def test_tools_and_their_cache_points() -> None:
    """At the head and after a built-in tool a point is a tool of its own."""
    system = {"systemTool": {"name": "s"}}
    tools, _, _, shape = decoded({"tools": [POINT, spec(description="d", strict=True), POINT, system, POINT]})
    assert [(tool.name, tool.cache, tool.opaque) for tool in tools] == [
        ("cachePoint", None, POINT),
        ("f", CacheHint(None), None),
        ("s", None, system),
        ("cachePoint", None, POINT),
    ]
    assert (tools[1].description, tools[1].strict, tools[1].parameters) == ("d", True, {"type": "object"})
    assert [tool.path for tool in tools] == [f"toolConfig.tools[{i}]" for i in (0, 1, 3, 4)]
    assert shape.places == {"toolConfig.tools[1].cache_control": "toolConfig.tools[2]"}


def test_a_schema_may_be_json_text() -> None:
    """Its form is kept, as is that of a tool with new fields, which are told."""
    text, new = spec(inputSchema={"json": '{"type": "object"}'}), spec(new=1)
    tools, _, extra, shape = decoded({"tools": [text, new]})
    assert tools[0].parameters == {"type": "object"}
    assert shape.kept == {"toolConfig.tools[0]": text, "toolConfig.tools[1]": new}
    assert extra == {"toolConfig.tools[1].toolSpec.new": 1}


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ({"auto": {}}, ToolChoice(mode="auto")),
        ({"any": {}}, ToolChoice(mode="required")),
        ({"tool": {"name": "f"}}, ToolChoice(mode="named", names=("f",))),
        ({"tool": {"name": "f", "new": 1}}, None),
        ({"any": {"new": 1}}, None),
        ({"new": {}}, None),
    ],
)
def test_choices(value: dict[str, Any], choice: ToolChoice | None) -> None:
    """One of another form is a leftover."""
    _, got, extra, _ = decoded({"tools": [spec()], "toolChoice": value, "more": 1})
    assert got == choice
    assert extra == {"toolConfig.more": 1, **({} if choice else {"toolConfig.toolChoice": value})}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"tools": {}}, "toolConfig.tools"),
        ({"tools": [{}]}, "toolConfig.tools[0]"),
        ({"tools": [{"toolSpec": {}}]}, "toolConfig.tools[0].toolSpec.name"),
        ({"tools": [spec(inputSchema={"json": "["})]}, "toolConfig.tools[0].toolSpec.inputSchema.json"),
        ({"tools": [spec(inputSchema={"json": []})]}, "toolConfig.tools[0].toolSpec.inputSchema.json"),
        ({"toolChoice": "auto"}, "toolConfig.toolChoice"),
        ({"toolChoice": {"tool": {"name": ""}}}, "toolConfig.toolChoice.tool.name"),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], path: str) -> None:
    """With the client's JSON path."""
    with pytest.raises(InvalidBody) as caught:
        decoded(config)
    assert caught.value.path == path
