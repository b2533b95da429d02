"""ChatRequest → Responses body."""

from typing import Any

import pytest

from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.openai_responses.write_request import asked_fields
from proxy.core.messages import CacheHint, Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice
from tests.support.responses_samples import sample_json
from tests.support.shared_corpus import without_nulls

CODEC = OpenAIResponsesCodec()
TURN = Message(role="user", content=(TextPart(text="hi"),), path="messages[0]")


def encode(dialect: str = "openai_chat", **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    encoded = CODEC.encode_request(ChatRequest(dialect=dialect, model="m", messages=(TURN,), **fields))
    return encoded.body, encoded.dropped


@pytest.mark.parametrize("name", ["request_full.json", "request_text.json"])
def test_same_dialect_comes_back(name: str) -> None:
    """Equal as JSON, nothing reported."""
    body = sample_json(name)
    encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
    assert encoded.body == body
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"text": {}},
        {"text": {"verbosity": "low"}},
        {"text": {"format": {"type": "grammar"}}},
        {"text": {"format": {"type": "json_object", "novel": 1}}},
        {"include": []},
        {"include": ["reasoning.encrypted_content", "a", "message.output_text.logprobs", "b"]},
        {"instructions": ""},
        {"stream": False},
        {"reasoning": {}},
        {"reasoning": {"effort": "none", "summary": "auto", "novel": 1}},
        {"tool_choice": {"type": "mcp", "server_label": "w"}},
        {"tool_choice": "none"},
        {"parallel_tool_calls": True},
        {"top_logprobs": 0},
        {"user": "u", "safety_identifier": "s"},
        {"max_output_tokens": 1},
        {"service_tier": "ultrafast"},
    ],
)
def test_odd_fields_come_back(fields: dict[str, Any]) -> None:
    """As they were."""
    body = {"model": "m", "input": "hi", **fields}
    encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
    assert without_nulls(encoded.body) == body
    assert encoded.dropped == ()


def test_input_kept_at_the_upstream() -> None:
    """Stays out."""
    body = {"model": "m", "conversation": {"id": "c"}, "instructions": "x"}
    assert CODEC.encode_request(CODEC.decode_request(body, {})).body == body


def test_another_dialect_s_request_is_not_kept() -> None:
    """Unless its client asked."""
    assert encode()[0] == {"model": "m", "input": [{"role": "user", "content": "hi"}], "store": False}
    assert encode(extra={"store": True})[0]["store"] is True


def test_fields() -> None:
    """Under this API's names."""
    body, dropped = encode(
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=2,
        user="u",
        service_tier="standard_only",
        stream=True,
        parallel_tool_calls=False,
        tools=(Tool(name="f", parameters={}),),
        tool_choice=ToolChoice(mode="required"),
        response_format=ResponseFormat(kind="json_schema", schema={"type": "object"}, strict=True),
        reasoning=Reasoning(effort="high"),
        extra={"metadata": {"a": "b"}, "verbosity": "low", "prompt_cache_key": "k"},
    )
    del body["input"]
    assert body == {
        "model": "m",
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        "top_logprobs": 2,
        "user": "u",
        "service_tier": "default",
        "stream": True,
        "parallel_tool_calls": False,
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}],
        "tool_choice": "required",
        "text": {"format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}, "strict": True}, "verbosity": "low"},
        "reasoning": {"effort": "high"},
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "store": False,
    }
    assert dropped == ()


@pytest.mark.parametrize(
    ("reasoning", "expected", "dropped"),
    [
        (Reasoning(mode="enabled", budget_tokens=2000), {"effort": "low"}, ("thinking",)),
        (Reasoning(mode="enabled", budget_tokens=99999), {"effort": "high"}, ("thinking",)),
        (Reasoning(mode="adaptive", effort="max"), {"effort": "max"}, ("thinking",)),
        (Reasoning(mode="disabled"), None, ("thinking",)),
        (Reasoning(effort="none"), {"effort": "none"}, ()),
        (Reasoning(effort="low", extra={"display": "omitted"}), {"effort": "low"}, ("thinking.display",)),
    ],
)
def test_reasoning(reasoning: Reasoning, expected: Any, dropped: tuple[str, ...]) -> None:
    """A budget is approximated by an effort."""
    body, lost = encode("anthropic_messages", reasoning=reasoning, paths={"reasoning": "thinking"})
    assert body.get("reasoning") == expected
    assert lost == dropped
    assert ("include" in body) is (expected is not None and expected["effort"] != "none")


def test_what_is_lost() -> None:
    """By the client's paths; a limit under this API's least is raised to it."""
    body, dropped = encode(
        "anthropic_messages",
        stop=("a",),
        seed=1,
        n=2,
        top_k=3,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        logit_bias={"1": 2},
        max_tokens=5,
        service_tier="batch",
        tools=(
            Tool(name="x", opaque={}, dialect="anthropic_messages", path="tools[0]"),
            Tool(name="f", cache=CacheHint(), path="tools[1]"),
        ),
        tool_choice=ToolChoice(mode="auto"),
        extra={"container": "c", "flag": False},
        paths={"stop": "stop_sequences"},
    )
    assert body["max_output_tokens"] == 16
    assert set(dropped) == {
        "max_tokens",
        "tools[0]",
        "tools[1].cache_control",
        "service_tier",
        "container",
        "logit_bias",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "top_k",
        "stop_sequences",
        "n",
    }


def test_a_choice_without_tools() -> None:
    """Is refused upstream."""
    tool = Tool(name="x", opaque={}, dialect="anthropic_messages", path="tools[0]")
    body, dropped = encode("anthropic_messages", tools=(tool,), tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=True)
    assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}
    assert dropped == ("tools[0]", "tool_choice")


def test_what_an_answer_repeats() -> None:
    """Fields of the request, functions with every field that the SDK wants."""
    asked = asked_fields(CODEC.decode_request({**sample_json("request_full.json"), "tools": [{"type": "function", "name": "f"}]}, {}))
    assert asked["instructions"] == "Answer from the files."
    assert asked["tools"] == [{"type": "function", "name": "f", "parameters": None, "strict": None}]
    assert (asked["max_output_tokens"], asked["store"], asked["text"]["verbosity"]) == (800, False, "low")
    assert not asked.keys() & {"input", "model", "include", "stream", "novel"}


def test_from_chat_to_chat() -> None:
    """A plain chat request keeps its meaning through this dialect."""
    chat = OpenAIChatCodec()
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": "a",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "r"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": False}}],
    }
    there = CODEC.encode_request(chat.decode_request(body, {}))
    back = chat.encode_request(CODEC.decode_request(there.body, {}))
    assert back.body == body
    assert (there.dropped, back.dropped) == ((), ())
