"""Requests of other dialects → Converse bodies, valid by botocore's model of the service."""

from typing import Any

import pytest

from proxy.codecs.base import Encoded
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.core.messages import Message, TextPart
from proxy.core.request import ChatRequest, Reasoning, ResponseFormat, Tool, ToolChoice
from tests.support.converse_samples import CLAUDE, NOVA, assert_valid

ADAPTIVE = "us.anthropic.claude-opus-4-6-v1"


def encoded(model: str = CLAUDE, **fields: Any) -> Encoded:
    messages = (Message(role="user", content=(TextPart(text="u"),), path="messages[0]"),)
    made = BedrockConverseCodec().encode_request(ChatRequest(dialect="openai_chat", model=model, messages=messages, **fields))
    assert_valid(made.body)
    return made


def rest(made: Encoded) -> dict[str, Any]:
    """Without what every body has."""
    return {key: value for key, value in made.body.items() if key not in ("model", "messages")}


def test_model_and_stream_stand_at_the_top() -> None:
    """The adapter makes the URL of them."""
    body = encoded(stream=True).body
    assert (body["model"], body["stream"]) == (CLAUDE, True)
    assert rest(encoded()) == {"stream": False}


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_settings_under_their_names(model: str) -> None:
    """Blank stop sequences are refused by the API: reported."""
    made = encoded(model, max_tokens=9, temperature=0.5, top_p=0.9, stop=("END", " "))
    assert made.body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert made.dropped == ("stop",)


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_temperature_over_one_is_one(model: str) -> None:
    """Reported."""
    made = encoded(model, temperature=1.7)
    assert (made.body["inferenceConfig"], made.dropped) == ({"temperature": 1}, ("temperature",))


def test_claude_s_own_fields() -> None:
    """A budget leaves room for the answer; top_k (0 is a value) has its place; an effort becomes a budget."""
    made = encoded(reasoning=Reasoning(mode="enabled", budget_tokens=2000))
    assert made.body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert made.body["inferenceConfig"] == {"maxTokens": 6096}
    assert encoded(top_k=0).body["additionalModelRequestFields"] == {"top_k": 0}
    assert encoded(reasoning=Reasoning(effort="low")).body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 2048


def test_an_adaptive_claude_gets_the_effort() -> None:
    """In outputConfig, beside a schema."""
    made = encoded(
        ADAPTIVE,
        reasoning=Reasoning(effort="high"),
        response_format=ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}),
    )
    assert made.body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert made.body["outputConfig"] == {
        "effort": "high",
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "n"}}},
    }


def test_other_models_get_no_fields_of_claude_s() -> None:
    """Reported; thinking that is off is what they do anyway."""
    made = encoded(NOVA, top_k=5, reasoning=Reasoning(mode="enabled", budget_tokens=2000, extra={"display": "x"}))
    assert made.dropped == ("top_k", "reasoning", "reasoning.display")
    assert rest(made) == {"stream": False}
    assert encoded(NOVA, reasoning=Reasoning(mode="disabled")).dropped == ()


def test_formats() -> None:
    """Schemas are carried, described and always strict; schemaless JSON is reported."""
    schema = ResponseFormat(kind="json_schema", name="n", description="d", schema={"type": "object"}, strict=False)
    made = encoded(response_format=schema)
    assert made.body["outputConfig"]["textFormat"]["structure"] == {
        "jsonSchema": {"schema": '{"type":"object"}', "name": "n", "description": "d"}
    }
    assert made.dropped == ("response_format.json_schema.strict",)
    assert encoded(response_format=ResponseFormat(kind="json_object")).dropped == ("response_format",)
    assert rest(encoded(response_format=ResponseFormat(kind="text"))) == {"stream": False}


@pytest.mark.parametrize(
    ("tier", "wire", "dropped"),
    [("flex", {"type": "flex"}, ()), ("standard_only", {"type": "default"}, ()), ("auto", None, ()), ("scale", None, ("service_tier",))],
)
def test_tiers(tier: str, wire: Any, dropped: tuple[str, ...]) -> None:
    """Those that Bedrock has."""
    made = encoded(service_tier=tier)
    assert (made.body.get("serviceTier"), made.dropped) == (wire, dropped)


def test_what_the_api_lacks_is_reported() -> None:
    """Unless it asks for what is done anyway."""
    made = encoded(
        seed=1,
        user="u",
        n=2,
        logprobs=True,
        top_logprobs=2,
        logit_bias={"1": 1},
        frequency_penalty=1,
        presence_penalty=1,
        extra={"x": 1, "y": None},
    )
    assert set(made.dropped) == {
        "seed",
        "user",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "frequency_penalty",
        "presence_penalty",
        "x",
    }
    assert encoded(frequency_penalty=0, n=1, logprobs=False, parallel_tool_calls=False).dropped == ()


@pytest.mark.parametrize(("model", "choice"), [(CLAUDE, None), (NOVA, None), (ADAPTIVE, ToolChoice(mode="required"))])
def test_one_call_at_a_time_is_reported(model: str, choice: ToolChoice | None) -> None:
    """Where the model has no word for it, and where a call is forced."""
    made = encoded(model, tools=(Tool(name="f"),), tool_choice=choice, parallel_tool_calls=False)
    assert made.dropped == ("parallel_tool_calls",)
    assert "additionalModelRequestFields" not in made.body


@pytest.mark.parametrize("choice", [None, ToolChoice(mode="auto")])
def test_one_call_at_a_time_is_claude_s_own_field(choice: ToolChoice | None) -> None:
    """From 4.5 on, in place of Converse's toolChoice."""
    made = encoded(ADAPTIVE, tools=(Tool(name="f"),), tool_choice=choice, parallel_tool_calls=False)
    assert made.dropped == ()
    assert made.body["additionalModelRequestFields"] == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert list(made.body["toolConfig"]) == ["tools"]


def test_one_call_at_a_time_without_tools_is_nothing() -> None:
    """`none` keeps the tools away."""
    made = encoded(ADAPTIVE, tools=(Tool(name="f"),), tool_choice=ToolChoice(mode="none"), parallel_tool_calls=False)
    assert rest(made) == {"stream": False}
