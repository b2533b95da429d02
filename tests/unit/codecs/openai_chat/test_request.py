"""OpenAI chat request → ChatRequest."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, ToolChoice
from tests.support.openai_samples import sample_json

CODEC = OpenAIChatCodec()
USER = {"role": "user", "content": "hi"}


def decode(**fields: Any) -> ChatRequest:
    return CODEC.decode_request({"model": "m", "messages": [USER], **fields}, {})


def full() -> ChatRequest:
    return CODEC.decode_request(sample_json("request_full.json"), {})


def test_scalars() -> None:
    """Every field with a canonical place lands there."""
    request = full()
    assert (request.model, request.temperature, request.top_p, request.top_k, request.seed) == ("gpt-5", 0.5, 0.9, 40, 7)
    assert (request.frequency_penalty, request.presence_penalty, request.logit_bias) == (0.1, -0.1, {"50256": -100})
    assert (request.logprobs, request.top_logprobs, request.parallel_tool_calls, request.service_tier) == (True, 3, False, "flex")
    assert (request.stop, request.n, request.stream, request.include_usage) == (("END", "STOP"), 1, True, True)
    assert request.reasoning == Reasoning(effort="low")


def test_newer_names_are_noted() -> None:
    """What the client called it is the path in reports."""
    request = full()
    assert (request.max_tokens, request.path_of("max_tokens")) == (500, "max_completion_tokens")
    assert (request.user, request.path_of("user")) == ("u-1", "safety_identifier")


def test_fields_without_a_place_are_kept() -> None:
    """Unknown ones included, at any depth."""
    extra = full().extra
    assert extra["x_vendor"] == {"deep": [1, {"a": None}]}
    assert extra["stream_options.include_obfuscation"] is False
    assert {"metadata", "store", "prompt_cache_key", "modalities", "audio", "prediction", "verbosity", "web_search_options"} <= extra.keys()


def test_response_format() -> None:
    """The three documented kinds."""
    assert full().response_format == ResponseFormat(
        kind="json_schema", name="animal", description="An animal", schema={"type": "object"}, strict=True
    )
    assert decode(response_format={"type": "text"}).response_format == ResponseFormat(kind="text")
    assert decode(response_format={"type": "json_object"}).response_format == ResponseFormat(kind="json_object")


def test_foreign_response_format_stays_as_it_is() -> None:
    """A compatible server's own kind."""
    given = {"type": "structural_tag", "structures": []}
    request = decode(response_format=given)
    assert (request.response_format, request.extra) == (None, {"response_format": given})


def test_tools() -> None:
    """Function tools are taken apart, others stay opaque."""
    lookup, sql = full().tools
    assert (lookup.name, lookup.description, lookup.strict, lookup.path) == ("lookup", "Look up", True, "tools[0]")
    assert lookup.parameters == {"type": "object", "properties": {"q": {"type": "string"}}}
    assert lookup.cache is not None
    assert lookup.cache.ttl is None
    assert (sql.name, sql.dialect, sql.path) == ("sql", "openai_chat", "tools[1]")
    assert sql.opaque == {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
    assert decode(tools=[{"type": "mcp"}]).tools[0].name == "mcp"


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", names=("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice(mode="named", names=("c",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}},
            ToolChoice(mode="allowed", names=("f",), allowed_mode="required"),
        ),
    ],
)
def test_tool_choice(given: Any, choice: ToolChoice) -> None:
    """All documented forms."""
    assert decode(tool_choice=given).tool_choice == choice


@pytest.mark.parametrize(
    "given",
    [
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "c"}}]}},
        {"type": "function", "function": {"name": "f", "x": 1}},
        {"type": "web_search"},
    ],
)
def test_tool_choice_beyond_functions_stays_as_it_is(given: Any) -> None:
    """It is reported where another dialect cannot carry it."""
    request = decode(tool_choice=given)
    assert (request.tool_choice, request.extra) == (None, {"tool_choice": given})


def test_legacy_functions() -> None:
    """`functions` and `function_call` become tools under their old names."""
    request = CODEC.decode_request(sample_json("request_legacy.json"), {})
    assert [tool.path for tool in request.tools] == ["functions[0]"]
    assert request.tool_choice == ToolChoice(mode="named", names=("weather",))
    assert (request.path_of("tools"), request.path_of("tool_choice")) == ("functions", "function_call")
    assert (request.stop, request.max_tokens, request.user) == (("END",), 20, "u-2")


@pytest.mark.parametrize("word", ["auto", "none"])
def test_legacy_function_call_words(word: str) -> None:
    """As tool_choice."""
    choice = decode(functions=[{"name": "f"}], function_call=word).tool_choice
    assert choice is not None
    assert choice.mode == word


def test_older_names_beside_newer_ones_are_left_over() -> None:
    """Nothing is lost, the newer one counts."""
    request = decode(
        max_tokens=5,
        max_completion_tokens=6,
        user="a",
        safety_identifier="b",
        tools=[],
        functions=[],
        tool_choice="auto",
        function_call="none",
    )
    assert (request.max_tokens, request.user) == (6, "a")
    assert request.extra == {"max_tokens": 5, "safety_identifier": "b", "functions": [], "function_call": "none"}


def test_null_means_absent() -> None:
    """For every field the API knows."""
    names = [
        "temperature",
        "max_tokens",
        "stop",
        "tools",
        "tool_choice",
        "stream",
        "stream_options",
        "response_format",
        "user",
        "n",
        "logit_bias",
    ]
    assert decode(**dict.fromkeys(names)) == decode()


def test_stream_options_without_stream_are_the_providers_to_judge() -> None:
    """They stay as they are."""
    request = decode(stream_options={"include_usage": True})
    assert (request.include_usage, request.extra) == (False, {"stream_options": {"include_usage": True}})


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"model": None}, "model", "Model is required"),
        ({"model": ""}, "model", "Model is required"),
        ({"model": 1}, "model", "model must be a string"),
        ({"messages": None}, "messages", "messages is required"),
        ({"messages": []}, "messages", "Messages cannot be empty"),
        ({"messages": "hi"}, "messages", "must be an array, not a string"),
        ({"temperature": 2.1}, "temperature", "between 0 and 2"),
        ({"temperature": -0.1}, "temperature", "between 0 and 2"),
        ({"temperature": "1"}, "temperature", "must be a number, not a string"),
        ({"top_p": 1.5}, "top_p", "between 0 and 1"),
        ({"n": 0}, "n", "at least 1"),
        ({"n": 1.5}, "n", "must be an integer"),
        ({"stream": "true"}, "stream", "must be a boolean"),
        ({"stream": 1}, "stream", "must be a boolean, not a number"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage", "must be a boolean"),
        ({"stream_options": []}, "stream_options", "must be an object"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"max_completion_tokens": "5"}, "max_completion_tokens", "must be an integer"),
        ({"stop": 5}, "stop", "a string or an array"),
        ({"stop": ["a", 1]}, "stop[1]", "must be a string"),
        ({"logit_bias": {"5": "x"}}, "logit_bias.5", "must be a number"),
        ({"top_logprobs": -1}, "top_logprobs", "at least 0"),
        ({"reasoning_effort": 1}, "reasoning_effort", "must be a string"),
        ({"user": 1}, "user", "must be a string"),
        ({"safety_identifier": 1}, "safety_identifier", "must be a string"),
        ({"response_format": "json"}, "response_format", "must be an object"),
        ({"response_format": {}}, "response_format.type", "is required"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "is required"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name", "is required"),
        ({"tools": {}}, "tools", "must be an array, not an object"),
        ({"tools": [{}]}, "tools[0].type", "is required"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "is required"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "is required"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters", "an object"),
        ({"functions": [1]}, "functions[0]", "must be an object"),
        ({"function_call": "f"}, "function_call", "must be an object"),
        ({"tool_choice": "any"}, "tool_choice", "auto, none, required or an object"),
        ({"tool_choice": []}, "tool_choice", "a string or an object"),
        ({"tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name", "is required"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "any", "tools": []}}},
            "tool_choice.allowed_tools.mode",
            "auto or",
        ),
        ({"service_tier": 1}, "service_tier", "must be a string"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], path: str, message: str) -> None:
    """The text says what is wrong, the path where."""
    with pytest.raises(InvalidBody, match=message) as info:
        decode(**fields)
    assert info.value.path == path
