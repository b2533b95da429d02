"""ChatRequest → OpenAI chat body."""

from typing import Any

import pytest

from proxy.codecs.base import Encoded
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_chat.write_request import encode_request
from proxy.core.messages import CacheHint, Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice
from tests.support.openai_samples import sample_json
from tests.support.shared_corpus import without_nulls

CODEC = OpenAIChatCodec()
HI = Message(role="user", content=(TextPart(text="hi"),), path="messages[0]")
TOOL = Tool(name="f", parameters={"type": "object"}, path="tools[0]")


def foreign(**fields: Any) -> Encoded:
    """Of an Anthropic client's request."""
    return CODEC.encode_request(ChatRequest(dialect="anthropic_messages", model="m", messages=(HI,), **fields))


def again(body: dict[str, Any]) -> Encoded:
    return CODEC.encode_request(CODEC.decode_request(body, {}))


@pytest.mark.parametrize("name", ["request_full.json", "request_legacy.json"])
def test_same_dialect_is_equal_as_json(name: str) -> None:
    """Every field, known or not, but for include_usage and nulls; nothing is reported."""
    body = sample_json(name)
    encoded = again(body)
    assert without_nulls(encoded.body) == without_nulls(body)
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_tokens": 5, "max_completion_tokens": 6},
        {"stop": "a"},
        {"stop": ["a"]},
        {"stop": []},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"n": 1},
        {"n": 2},
        {"stream": False},
        {"user": "u"},
        {"safety_identifier": "u"},
        {"tools": []},
        {"parallel_tool_calls": True},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "x": 1}}},
        {"response_format": {"type": "grammar", "grammar": "g"}},
        {"tools": [{"type": "custom", "custom": {"name": "c"}}], "tool_choice": {"type": "custom", "custom": {"name": "c"}}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"functions": [{"name": "f"}], "function_call": "none"},
        {"tools": [{"type": "function", "function": {"name": "f", "x": {"y": 1}}, "z": 2}]},
        {"top_k": 4, "service_tier": "x", "reasoning_effort": "none"},
        {"messages": [{"role": "user", "content": []}, {"role": "user", "content": ""}]},
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
                }
            ]
        },
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a"}}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": ""}, {"role": "tool", "tool_call_id": "d", "content": []}]},
    ],
)
def test_spellings_survive(fields: dict[str, Any]) -> None:
    """Of two ways to say the same, the client's is kept; no limit is put on what a compatible server may take."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    expected = {key: value for key, value in body.items() if value != [] or key != "tools"}
    assert again(body).body == expected


def test_stream_asks_for_usage() -> None:
    """Whatever the client asked, and beside its other options."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    assert again(body).body["stream_options"] == {"include_usage": True}
    assert again({**body, "stream_options": {"include_obfuscation": False, "include_usage": False}}).body["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }


def test_foreign_request() -> None:
    """The common fields are all carried."""
    encoded = foreign(
        max_tokens=7,
        temperature=0.5,
        stop=("a",),
        user="u",
        stream=True,
        tools=(TOOL,),
        tool_choice=ToolChoice(mode="named", names=("f",)),
        parallel_tool_calls=False,
    )
    assert encoded.dropped == ()
    assert encoded.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "stop": ["a"],
        "user": "u",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
    }


def test_older_servers_get_max_tokens() -> None:
    """By the codec's setting."""
    codec = OpenAIChatCodec(max_tokens_field="max_tokens")
    assert codec.encode_request(ChatRequest(dialect="x", model="m", messages=(HI,), max_tokens=7)).body["max_tokens"] == 7


@pytest.mark.parametrize(
    ("fields", "body", "dropped"),
    [
        ({"top_k": 5}, {}, ("top_k",)),
        ({"stop": ("a", "b", "c", "d", "e"), "paths": {"stop": "stop_sequences"}}, {"stop": ["a", "b", "c", "d"]}, ("stop_sequences",)),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}, ()),
        ({"service_tier": "batch"}, {}, ("service_tier",)),
        ({"extra": {"container": "c", "mcp_servers": None}}, {}, ("container",)),
        ({"reasoning": Reasoning(effort="high")}, {"reasoning_effort": "high"}, ()),
        (
            {"reasoning": Reasoning(mode="enabled", budget_tokens=1024), "paths": {"reasoning": "thinking"}},
            {"reasoning_effort": "minimal"},
            ("thinking",),
        ),
        ({"reasoning": Reasoning(mode="enabled", budget_tokens=8000)}, {"reasoning_effort": "medium"}, ("reasoning",)),
        ({"reasoning": Reasoning(mode="enabled", budget_tokens=60000)}, {"reasoning_effort": "high"}, ("reasoning",)),
        ({"reasoning": Reasoning(mode="disabled")}, {}, ("reasoning",)),
        (
            {"response_format": ResponseFormat(kind="json_schema", schema={})},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}},
            (),
        ),
        ({"tool_choice": ToolChoice(mode="auto")}, {}, ("tool_choice",)),
        ({"parallel_tool_calls": True}, {}, ()),
    ],
)
def test_what_cannot_be_carried_is_reported(fields: dict[str, Any], body: dict[str, Any], dropped: tuple[str, ...]) -> None:
    """By the client's path; what is approximated too."""
    encoded = foreign(**fields)
    assert {key: value for key, value in encoded.body.items() if key not in ("model", "messages")} == body
    assert encoded.dropped == dropped


def test_foreign_tools() -> None:
    """Built-in tools of another dialect and cache hints are left out."""
    builtin = Tool(name="web_search", opaque={"type": "web_search_20250305"}, dialect="anthropic_messages", path="tools[1]")
    cached = Tool(name="f", cache=CacheHint(), strict=True, description="d", path="tools[0]")
    encoded = foreign(tools=(cached, builtin), tool_choice=ToolChoice(mode="allowed", names=("f",), allowed_mode="required"))
    assert encoded.body["tools"] == [{"type": "function", "function": {"name": "f", "description": "d", "strict": True}}]
    assert encoded.body["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
    }
    assert encoded.dropped == ("tools[0].cache_control", "tools[1]")


def test_choice_without_a_tool_left_is_dropped() -> None:
    """The API refuses tool_choice without tools."""
    builtin = Tool(name="bash", opaque={"type": "bash_20250124"}, dialect="anthropic_messages", path="tools[0]")
    encoded = foreign(tools=(builtin,), tool_choice=ToolChoice(mode="required"), parallel_tool_calls=True)
    assert encoded.body.keys() == {"model", "messages"}
    assert encoded.dropped == ("tools[0]", "tool_choice")


def test_fields_of_responses() -> None:
    """Those that mean the same here are carried; the rest of its reasoning's settings are reported."""
    request = ChatRequest(
        dialect="openai_responses",
        model="m",
        messages=(),
        reasoning=Reasoning(effort="low", extra={"summary": "auto", "context": None}),
        extra={
            "text.verbosity": "low",
            "prompt_cache_key": "k",
            "metadata": {"a": "b"},
            "conversation": None,
            "store": False,
            "truncation": "auto",
        },
    )
    encoded = encode_request(request, "max_tokens")
    assert (encoded.body["verbosity"], encoded.body["prompt_cache_key"]) == ("low", "k")
    assert encoded.dropped == ("reasoning.summary", "metadata", "truncation")
