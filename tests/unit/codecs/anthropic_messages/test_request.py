"""What a Messages request means, and which ones are refused where."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.codecs.anthropic_messages.request import decode_request
from proxy.codecs.base import InvalidBody
from proxy.core.messages import CacheHint, Message, OpaquePart, TextPart, ToolResultPart
from proxy.core.request import Reasoning, ResponseFormat, ToolChoice

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"


def minimal(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **fields}


def test_minimal_request() -> None:
    """Three fields make a request; everything else has its default."""
    request = decode_request(minimal())
    assert (request.dialect, request.model, request.max_tokens, request.stream) == ("anthropic_messages", "claude-sonnet-4-5", 10, False)
    assert request.messages == (Message(role="user", content=(TextPart(text="hi"),), path="messages[0]"),)
    assert request.extra == {}


def test_full_request_settings() -> None:
    """Every field with a canonical place is in it."""
    request = decode_request(json.loads((WIRE / "request_full.json").read_bytes()))
    assert request.reasoning == Reasoning(mode="enabled", budget_tokens=1024, effort="high", extra={"display": "summarized"})
    assert request.response_format == ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert (request.user, request.stop, request.top_k, request.top_p, request.temperature) == ("u-17", ("END",), 40, 0.95, 1)
    assert (request.service_tier, request.parallel_tool_calls, request.stream) == ("default", False, False)
    assert request.tool_choice == ToolChoice(mode="auto")
    assert request.path_of("stop") == "stop_sequences"
    assert request.path_of("user") == "metadata.user_id"
    assert request.path_of("response_format") == "output_config.format"


def test_full_request_messages() -> None:
    """System first, then the turns with their paths; unknown blocks are opaque."""
    request = decode_request(json.loads((WIRE / "request_full.json").read_bytes()))
    assert [(m.role, m.path) for m in request.messages] == [
        ("system", "system"),
        ("user", "messages[0]"),
        ("assistant", "messages[1]"),
        ("user", "messages[2]"),
        ("system", "messages[3]"),
        ("user", "messages[4]"),
    ]
    assert request.messages[0].content[0] == TextPart(text="You sort parcels.", cache=CacheHint("1h"))
    results = [part for part in request.messages[3].content if isinstance(part, ToolResultPart)]
    assert [(r.tool_use_id, r.is_error, len(r.content)) for r in results] == [("toolu_1", False, 1), ("toolu_2", True, 2)]
    opaque = [part.value["type"] for part in request.messages[3].content if isinstance(part, OpaquePart)]
    assert opaque == ["document", "search_result"]


def test_fields_without_a_place_are_reported_in_extra() -> None:
    """Unknown fields stand in `extra` under their paths; those that say nothing do not."""
    request = decode_request(json.loads((WIRE / "request_full.json").read_bytes()))
    assert set(request.extra) == {"container", "mcp_servers", "context_management", "cache_control", "tools[1].defer_loading"}
    assert [m.extra for m in request.messages] == [{}] * 6


def test_telling_field_of_a_block_is_reported_by_its_message() -> None:
    """A block's field that no canonical part has is in the message's extra, relative to it."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825", "tool_id": "x"}}
    request = decode_request(minimal(messages=[{"role": "assistant", "content": [block], "odd": 1}]))
    assert request.messages[0].extra == {"odd": 1, "content[0].caller": block["caller"]}


def test_builtin_tool_is_opaque() -> None:
    """A typed tool is kept as it is, under its name or, without one, its type."""
    tools = [{"type": "web_search_20260318", "name": "web_search"}, {"type": "browser_toolset_20260801"}]
    request = decode_request(minimal(tools=tools))
    assert [(tool.name, tool.opaque, tool.path) for tool in request.tools] == [
        ("web_search", tools[0], "tools[0]"),
        ("browser_toolset_20260801", tools[1], "tools[1]"),
    ]


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice(mode="required"), True),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": True}, ToolChoice(mode="named", names=("f",)), False),
        (None, None, None),
    ],
)
def test_tool_choice(wire: Any, choice: ToolChoice | None, parallel: bool | None) -> None:
    """The four kinds, and the wish for one call at a time."""
    request = decode_request(minimal(tool_choice=wire))
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("fields", "reasoning", "path"),
    [
        ({"thinking": {"type": "disabled"}}, Reasoning(mode="disabled"), "thinking"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Reasoning(mode="adaptive", effort="max"), "thinking"),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low"), "output_config.effort"),
        ({"output_config": {"effort": None}}, None, "reasoning"),
        ({"thinking": None}, None, "reasoning"),
    ],
)
def test_reasoning(fields: dict[str, Any], reasoning: Reasoning | None, path: str) -> None:
    """Thinking and effort, separately and together."""
    request = decode_request(minimal(**fields))
    assert request.reasoning == reasoning
    assert request.path_of("reasoning") == path


def test_unknown_thinking_mode_stays_as_it_is() -> None:
    """A mode that the canonical types do not know is an extra, never a guess."""
    request = decode_request(minimal(thinking={"type": "between_tools"}))
    assert request.reasoning is None
    assert request.extra == {"thinking": {"type": "between_tools"}}


def test_beta_output_format() -> None:
    """The older top-level field means the same."""
    request = decode_request(minimal(output_format={"type": "json_schema", "schema": {"type": "object"}}))
    assert request.response_format == ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert request.path_of("response_format") == "output_format"


def test_both_output_formats() -> None:
    """The newer one holds, the older is an extra."""
    old = {"type": "json_schema", "schema": {"type": "array"}}
    new = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    request = decode_request(minimal(output_format=old, output_config=new))
    assert request.response_format == ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert request.extra == {"output_format": old}


@pytest.mark.parametrize("fields", [{"output_format": {"type": "regex", "regex": "a"}}, {"output_config": {"format": {"type": "regex"}}}])
def test_unknown_output_format_stays_as_it_is(fields: dict[str, Any]) -> None:
    """A format of another type is reported, not translated."""
    request = decode_request(minimal(**fields))
    assert request.response_format is None
    assert list(request.extra) == ["output_format" if "output_format" in fields else "output_config.format"]


def test_further_metadata_is_reported() -> None:
    """Only `user_id` has a canonical place."""
    request = decode_request(minimal(metadata={"user_id": None, "job": "j"}))
    assert (request.user, request.extra) == (None, {"metadata.job": "j"})


BLOCK = "messages[0].content[0]"


def block(**value: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [value]}]}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"model": 7}, "model"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": "10"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": ["hi"]}]}, BLOCK),
    ({"messages": [{"role": "system", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}]}, f"{BLOCK}.type"),
    (block(text="hi"), f"{BLOCK}.type"),
    (block(type=7), f"{BLOCK}.type"),
    (block(type=""), f"{BLOCK}.type"),
    (block(type="text"), f"{BLOCK}.text"),
    (block(type="text", text=None), f"{BLOCK}.text"),
    (block(type="text", text="a", citations=[1]), f"{BLOCK}.citations[0]"),
    (block(type="text", text="a", cache_control="x"), f"{BLOCK}.cache_control"),
    (block(type="text", text="a", cache_control={}), f"{BLOCK}.cache_control.type"),
    (block(type="text", text="a", cache_control={"type": "ephemeral", "ttl": 5}), f"{BLOCK}.cache_control.ttl"),
    (block(type="image"), f"{BLOCK}.source"),
    (block(type="image", source={}), f"{BLOCK}.source.type"),
    (block(type="image", source={"type": "base64", "media_type": "image/png", "data": "no base64!"}), f"{BLOCK}.source.data"),
    (block(type="image", source={"type": "base64", "media_type": "image/png", "data": "ü"}), f"{BLOCK}.source.data"),
    (block(type="image", source={"type": "base64", "data": "aaaa"}), f"{BLOCK}.source.media_type"),
    (block(type="image", source={"type": "url"}), f"{BLOCK}.source.url"),
    (block(type="image", source={"type": "file"}), f"{BLOCK}.source.file_id"),
    (block(type="document", source={"type": "text", "media_type": "text/plain"}), f"{BLOCK}.source.data"),
    (block(type="document", source={"type": "url", "url": "u"}, citations={"enabled": 1}), f"{BLOCK}.citations.enabled"),
    (block(type="document", source={"type": "url", "url": "u"}, title=1), f"{BLOCK}.title"),
    (block(type="tool_use", name="f", input={}), f"{BLOCK}.id"),
    (block(type="tool_use", id="t", input={}), f"{BLOCK}.name"),
    (block(type="tool_use", id="t", name="f"), f"{BLOCK}.input"),
    (block(type="tool_use", id="t", name="f", input="{}"), f"{BLOCK}.input"),
    (block(type="tool_result", content="x"), f"{BLOCK}.tool_use_id"),
    (block(type="tool_result", tool_use_id="t", content=7), f"{BLOCK}.content"),
    (block(type="tool_result", tool_use_id="t", is_error="no"), f"{BLOCK}.is_error"),
    (block(type="tool_result", tool_use_id="t", content=[{"type": "thinking", "thinking": "x"}]), f"{BLOCK}.content[0].type"),
    (block(type="thinking"), f"{BLOCK}.thinking"),
    (block(type="thinking", thinking="x", signature=1), f"{BLOCK}.signature"),
    (block(type="redacted_thinking"), f"{BLOCK}.data"),
    ({"system": 7}, "system"),
    ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "f", "input_schema": {}, "description": 1}]}, "tools[0].description"),
    ({"tools": [{"name": "f", "input_schema": {}, "strict": "yes"}]}, "tools[0].strict"),
    ({"tools": [{"type": 3}]}, "tools[0].type"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}}, "tool_choice.disable_parallel_tool_use"),
    ({"temperature": "warm"}, "temperature"),
    ({"temperature": 1.1}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": -0.1}, "top_p"),
    ({"top_k": -1}, "top_k"),
    ({"top_k": 1.5}, "top_k"),
    ({"stop_sequences": "END"}, "stop_sequences"),
    ({"stop_sequences": [1]}, "stop_sequences[0]"),
    ({"stream": "yes"}, "stream"),
    ({"thinking": "on"}, "thinking"),
    ({"thinking": {}}, "thinking.type"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"output_config": []}, "output_config"),
    ({"output_config": {"effort": 3}}, "output_config.effort"),
    ({"output_config": {"format": "json"}}, "output_config.format"),
    ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
    ({"metadata": "me"}, "metadata"),
    ({"metadata": {"user_id": 3}}, "metadata.user_id"),
    ({"service_tier": 1}, "service_tier"),
]


@pytest.mark.parametrize(("change", "path"), BAD, ids=[f"{i}-{path}" for i, (_, path) in enumerate(BAD)])
def test_bad_request_names_the_place(change: dict[str, Any], path: str) -> None:
    """Each mistake is refused with the JSON path of its place, which the message names too."""
    body = {key: value for key, value in minimal(**change).items() if value is not None}
    with pytest.raises(InvalidBody) as caught:
        decode_request(body)
    assert caught.value.path == path
    assert path in caught.value.message
