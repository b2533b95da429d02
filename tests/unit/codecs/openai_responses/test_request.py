"""Responses request → ChatRequest."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, ToolChoice
from tests.support.responses_samples import sample_json

CODEC = OpenAIResponsesCodec()


def decode(**fields: Any) -> ChatRequest:
    return CODEC.decode_request({"model": "m", "input": "hi", **fields}, {})


def test_canonical_fields() -> None:
    """Each where every encoder finds it."""
    request = CODEC.decode_request(sample_json("request_full.json"), {})
    assert request.dialect == "openai_responses"
    assert (request.max_tokens, request.temperature, request.top_p) == (800, 0.5, 0.9)
    assert (request.logprobs, request.top_logprobs, request.service_tier, request.user) == (True, 2, "flex", "u-1")
    assert request.tool_choice == ToolChoice(mode="allowed", names=("depth", "photo"))
    assert request.parallel_tool_calls is False
    assert request.reasoning == Reasoning(effort="low", extra={"summary": "auto"})
    assert request.response_format is not None
    assert (request.response_format.kind, request.response_format.name, request.response_format.strict) == ("json_schema", "lake", True)
    assert (request.messages[0].role, request.messages[0].path) == ("system", "instructions")
    assert request.stream
    assert not request.include_usage


def test_what_only_a_keeping_upstream_understands() -> None:
    """Is extra, which other encoders report."""
    extra = CODEC.decode_request(sample_json("request_full.json"), {}).extra
    assert {key for key in extra if "[" not in key} == {
        "max_tool_calls",
        "include",
        "text.verbosity",
        "truncation",
        "metadata",
        "store",
        "previous_response_id",
        "background",
        "prompt_cache_key",
        "stream_options",
        "novel",
    }
    assert extra["include"] == ["file_search_call.results"]
    assert decode(conversation="conv_1").extra == {"conversation": "conv_1"}


def test_paths() -> None:
    """By which others name what they cannot carry."""
    request = CODEC.decode_request(sample_json("request_full.json"), {})
    named = {name: request.path_of(name) for name in ("max_tokens", "logprobs", "response_format", "user", "reasoning")}
    assert named == {
        "max_tokens": "max_output_tokens",
        "logprobs": "include[1]",
        "response_format": "text.format",
        "user": "safety_identifier",
        "reasoning": "reasoning",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"format": {"type": "text"}}, ResponseFormat(kind="text")),
        ({"format": {"type": "json_object"}}, ResponseFormat(kind="json_object")),
        ({"format": {"type": "json_schema", "name": "n", "schema": {}}}, ResponseFormat(kind="json_schema", name="n", schema={})),
        ({"format": {"type": "grammar", "syntax": "lark"}}, None),
        ({}, None),
    ],
)
def test_text_format(given: dict[str, Any], expected: ResponseFormat | None) -> None:
    """An unknown kind stays as it is."""
    assert decode(text=given).response_format == expected


def test_logprobs_need_the_word() -> None:
    """Without it top_logprobs is without effect."""
    assert decode(top_logprobs=3).top_logprobs is None
    assert decode(top_logprobs=3).extra == {"top_logprobs": 3}
    assert decode(top_logprobs=3, include=["message.output_text.logprobs"]).top_logprobs == 3


def test_user_and_its_successor() -> None:
    """With both the second is left over."""
    assert decode(user="a").user == "a"
    both = decode(user="a", safety_identifier="b")
    assert (both.user, both.extra) == ("a", {"safety_identifier": "b"})


def test_null_means_absent() -> None:
    """For every field."""
    nulls = dict.fromkeys(("tools", "text", "reasoning", "include", "instructions", "temperature", "user", "tool_choice", "stream"))
    request = decode(**nulls)
    assert (request.tools, request.reasoning, request.stream, len(request.messages)) == ((), None, False, 1)


def test_input_may_be_missing() -> None:
    """Where the upstream has it."""
    assert CODEC.decode_request({"model": "m", "previous_response_id": "r"}, {}).messages == ()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "model"),
        ({"model": 5, "input": ""}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": "", "instructions": 5}, "instructions"),
        ({"model": "m", "input": "", "temperature": 3}, "temperature"),
        ({"model": "m", "input": "", "max_output_tokens": 0}, "max_output_tokens"),
        ({"model": "m", "input": "", "include": "x"}, "include"),
        ({"model": "m", "input": "", "include": [1]}, "include[0]"),
        ({"model": "m", "input": "", "text": 1}, "text"),
        ({"model": "m", "input": "", "text": {"format": {}}}, "text.format.type"),
        ({"model": "m", "input": "", "text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"model": "m", "input": "", "reasoning": "low"}, "reasoning"),
        ({"model": "m", "input": "", "reasoning": {"effort": 1}}, "reasoning.effort"),
        ({"model": "m", "input": "", "tools": {}}, "tools"),
        ({"model": "m", "input": "", "stream": 1}, "stream"),
    ],
)
def test_broken_requests(body: dict[str, Any], path: str) -> None:
    """Named by the field."""
    with pytest.raises(InvalidBody) as caught:
        CODEC.decode_request(body, {})
    assert caught.value.path == path
