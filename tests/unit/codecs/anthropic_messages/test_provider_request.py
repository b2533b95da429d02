"""Requests of another dialect → Messages bodies."""

from typing import Any

import pytest

from proxy.codecs.anthropic_messages.models import ModelFacts, model_facts
from proxy.codecs.anthropic_messages.provider_request import encode_foreign
from proxy.codecs.base import Encoded
from proxy.core.messages import CacheHint, Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice

USER = Message(role="user", content=(TextPart(text="u"),), path="messages[0]")
TOOL = Tool(name="f", parameters={"type": "object", "properties": {}}, path="tools[0]")
OTHER = Tool(name="g", path="tools[1]")


def encode(model: str = "claude-sonnet-4-5", **fields: Any) -> Encoded:
    return encode_foreign(ChatRequest(**{"dialect": "openai_chat", "model": model, "messages": (USER,), **fields}), 4096, model_facts)


def test_minimal() -> None:
    """The required fields, the limit being the default."""
    assert encode() == Encoded({"model": "claude-sonnet-4-5", "max_tokens": 4096, "messages": [{"role": "user", "content": "u"}]})


def test_instructions_stand_apart() -> None:
    """`system` beside `messages`."""
    encoded = encode(messages=(Message(role="system", content=(TextPart(text="s"),), path="messages[0]"), USER))
    assert (encoded.body["system"], encoded.body["messages"]) == ("s", [{"role": "user", "content": "u"}])


def test_settings() -> None:
    """Each canonical field has its wire field."""
    encoded = encode(
        max_tokens=7, temperature=0.5, top_k=3, stop=("END", " "), user="u1", service_tier="default", stream=True, include_usage=True
    )
    assert encoded.body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 7,
        "messages": [{"role": "user", "content": "u"}],
        "temperature": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
        "service_tier": "standard_only",
        "stream": True,
    }
    assert encoded.dropped == ("stop",)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 0},
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"logit_bias": {"1": 2}},
        {"frequency_penalty": 0.1},
        {"presence_penalty": -0.1},
        {"service_tier": "flex"},
        {"extra": {"verbosity": "low"}},
        {"response_format": ResponseFormat(kind="json_object")},
        {"response_format": ResponseFormat(kind="json_schema", name="n")},
    ],
)
def test_what_the_api_lacks_is_reported(fields: dict[str, Any]) -> None:
    """Under the client's own name; the rest of the request is untouched."""
    encoded = encode(**fields)
    assert encoded.dropped == (next(iter(fields["extra"])) if "extra" in fields else next(iter(fields)),)
    assert encoded.body == encode().body


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1, "logprobs": False, "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}},
        {"extra": {"store": False, "metadata": None, "functions": []}},
        {"response_format": ResponseFormat(kind="text")},
        {"tool_choice": ToolChoice(mode="auto")},
    ],
)
def test_what_asks_for_the_default_is_not(fields: dict[str, Any]) -> None:
    """Nothing is lost, so nothing is said."""
    assert encode(**fields) == encode()


def test_json_schema() -> None:
    """A schema format; its description goes into the schema."""
    wanted = ResponseFormat(kind="json_schema", name="n", description="d", schema={"type": "object"}, strict=True)
    encoded = encode(response_format=wanted)
    assert encoded.body["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object", "description": "d"}}}
    assert encoded.dropped == ()


def test_lax_json_schema() -> None:
    """The API's schemas are strict: reported."""
    schema = {"type": "object", "description": "own"}
    encoded = encode(response_format=ResponseFormat(kind="json_schema", schema=schema, strict=False, description="d"))
    assert encoded.body["output_config"]["format"]["schema"] == schema
    assert encoded.dropped == ("response_format.json_schema.strict",)


def test_effort_and_schema_share_their_object() -> None:
    """Both live in `output_config`."""
    encoded = encode(
        "claude-opus-4-8",
        reasoning=Reasoning(effort="low", extra={"summary": "auto"}),
        response_format=ResponseFormat(kind="json_schema", schema={}),
    )
    assert encoded.body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    assert encoded.dropped == ("reasoning.summary",)


def test_thinking_raises_the_default_limit() -> None:
    """The budget comes on top of what an answer gets."""
    assert encode(reasoning=Reasoning(effort="low")).body["max_tokens"] == 2048 + 4096


def test_tools() -> None:
    """Schemas get what the API requires; empty descriptions and `strict: false` are left out."""
    tools = (
        Tool(name="f", description="d", parameters={"properties": {"a": {}}}, strict=True, cache=CacheHint()),
        Tool(name="g", description="", strict=False),
        Tool(name="h", opaque={"type": "custom"}, dialect="openai_chat", path="tools[2]"),
        Tool(name="bash", opaque={"type": "bash_20250124", "name": "bash"}, dialect="anthropic_messages"),
    )
    encoded = encode(tools=tools)
    assert encoded.body["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object", "properties": {"a": {}}},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"type": "bash_20250124", "name": "bash"},
    ]
    assert encoded.dropped == ("tools[2]",)


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": ToolChoice(mode="auto")}, {"type": "auto"}),
        ({"tool_choice": ToolChoice(mode="none"), "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": ToolChoice(mode="required"), "parallel_tool_calls": False}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"tool_choice": ToolChoice(mode="named", names=("g",))}, {"type": "tool", "name": "g"}),
    ],
)
def test_tool_choice(fields: dict[str, Any], wire: Any) -> None:
    """The four kinds, one call at a time or several."""
    encoded = encode(tools=(TOOL, OTHER), **fields)
    assert encoded.body.get("tool_choice") == wire
    assert encoded.dropped == ()


@pytest.mark.parametrize(("mode", "wire"), [("auto", {"type": "auto"}), ("required", {"type": "any"})])
def test_allowed_tools_are_the_only_ones_sent(mode: Any, wire: dict[str, Any]) -> None:
    """The API has no list of allowed tools: the others are left out, reported."""
    encoded = encode(tools=(TOOL, OTHER), tool_choice=ToolChoice(mode="allowed", names=("g",), allowed_mode=mode))
    assert [tool["name"] for tool in encoded.body["tools"]] == ["g"]
    assert encoded.body["tool_choice"] == wire
    assert encoded.dropped == ("tool_choice",)


def test_choice_without_tools() -> None:
    """A forced tool that could not be carried is reported."""
    opaque = Tool(name="h", opaque={"type": "custom"}, dialect="openai_chat", path="tools[0]")
    encoded = encode(tools=(opaque,), tool_choice=ToolChoice(mode="required"))
    assert "tools" not in encoded.body
    assert "tool_choice" not in encoded.body
    assert encoded.dropped == ("tools[0]", "tool_choice")


def test_each_loss_is_reported_once() -> None:
    """In order of appearance."""
    encoded = encode(n=3, extra={"n": 3, "seed": 1}, seed=1)
    assert encoded.dropped == ("seed", "n")


def test_a_loose_schema_of_responses() -> None:
    """Is reported where that API has it."""
    loose = ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=False)
    turn = Message(role="user", content=(TextPart(text="hi"),), path="input", single=True)
    request = ChatRequest(
        dialect="openai_responses", model="m", messages=(turn,), response_format=loose, paths={"response_format": "text.format"}
    )
    assert encode_foreign(request, 100, lambda _: ModelFacts()).dropped == ("text.format.strict",)
