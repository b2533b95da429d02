"""A client's request → canonical."""

import json
from typing import Any

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.request import decode_request
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import CacheHint, TextPart, ToolUsePart
from proxy.core.request import Reasoning, ResponseFormat
from tests.support.converse_samples import assert_valid, request_of, user, wire

FULL = json.loads(wire("request_full.json"))


def test_the_sample_is_valid() -> None:
    """By botocore's model of the service."""
    body = {**FULL, "guardrailConfig": {key: value for key, value in FULL["guardrailConfig"].items() if key != "streamProcessingMode"}}
    assert_valid(body)


def test_the_full_sample() -> None:
    """Every field that has a canonical place."""
    request = decode_request(FULL)
    assert (request.dialect, request.model, request.stream) == ("bedrock_converse", FULL["model"], True)
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert request.messages[0].content == (TextPart(text="Be brief.", cache=CacheHint("1h")), TextPart(text="Guarded rule."))
    assert request.messages[2].content[3] == ToolUsePart(id="tooluse_1", name="lookup", arguments='{"name":"Tom","n":1.5}')
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (2000, 0.5, 0.9, 40)
    assert (request.stop, request.service_tier) == (("END", "STOP"), "priority")
    assert request.reasoning == Reasoning(mode="enabled", budget_tokens=1024, effort="low")
    assert request.response_format == ResponseFormat(
        kind="json_schema", name="Cat", description="A cat.", schema={"type": "object", "properties": {}}
    )
    assert set(request.extra) == {
        "additionalModelRequestFields.anthropic_beta",
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "performanceConfig",
        "promptVariables",
        "requestMetadata",
    }


def test_what_openai_cannot_carry_is_reported_where_the_client_wrote_it() -> None:
    """Blocks behind cache points, fields in their objects, parts of tool results."""
    dropped = set(OpenAIChatCodec().encode_request(decode_request(FULL)).dropped)
    assert {
        "system[1]",
        "messages[0].content[2]",
        "messages[0].content[7]",
        "messages[0].content[9].guardContent",
        "messages[0].content[10]",
        "messages[0].content[11]",
        "messages[1].content[5]",
        "messages[2].content[0].toolResult.content[4]",
        "messages[2].content[1].toolResult.status",
        "messages[2].content[2]",
        "toolConfig.tools[2]",
        "toolConfig.tools[3]",
        "additionalModelRequestFields.top_k",
        "guardrailConfig",
        "requestMetadata",
    } <= dropped
    assert not any(".input" in path or "cache_control" in path for path in dropped)


def test_what_anthropic_cannot_carry_is_reported_where_the_client_wrote_it() -> None:
    """Cache points, thinking and top_k are carried there."""
    encoded = AnthropicMessagesCodec().encode_request(decode_request(FULL))
    assert encoded.body["system"][0] == {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert encoded.body["tools"][1]["cache_control"] == {"type": "ephemeral"}
    assert {"messages[0].content[2]", "messages[0].content[9].guardContent", "toolConfig.tools[3]"} <= set(encoded.dropped)
    assert not any("cache" in path for path in encoded.dropped)


def test_the_effort_s_place() -> None:
    """In outputConfig, or among the model's own fields; with both, the first is a leftover."""
    output = decode_request(request_of(outputConfig={"effort": "low"}))
    assert (output.reasoning, output.path_of("reasoning")) == (Reasoning(effort="low"), "outputConfig.effort")
    fields = {"reasoning_effort": "high"}
    model = decode_request(request_of(additionalModelRequestFields=fields))
    assert (model.reasoning, model.path_of("reasoning")) == (Reasoning(effort="high"), "additionalModelRequestFields.reasoning_effort")
    both = decode_request(request_of(additionalModelRequestFields=fields, outputConfig={"effort": "low"}))
    assert (both.reasoning, both.extra) == (Reasoning(effort="high"), {"outputConfig.effort": "low"})


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "new"}},
        {"thinking": "on"},
        {"thinking": {"type": []}},
        {"top_k": "5"},
        {"top_k": True},
        {"reasoning_effort": 1},
    ],
)
def test_model_fields_of_another_form_are_the_model_s_own(fields: dict[str, Any]) -> None:
    """They are not judged."""
    request = decode_request(request_of(additionalModelRequestFields=fields))
    assert request.reasoning is None
    assert request.top_k is None
    assert request.extra == {f"additionalModelRequestFields.{key}": value for key, value in fields.items()}


def test_any_document_may_stand_for_the_model_fields() -> None:
    """The service says so."""
    assert decode_request(request_of(additionalModelRequestFields=[1])).extra == {"additionalModelRequestFields": [1]}


def test_a_stored_prompt_has_its_own_messages() -> None:
    """There are none then."""
    assert decode_request({"model": "arn:aws:bedrock:us-east-1:1:prompt/ABC", "stream": False}).messages == ()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"messages": {}}, "messages"),
        ({"messages": ["u"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "text"}]}, "messages[0].content"),
        ({"messages": [user({"cachePoint": {"type": "default"}}, {"text": 1})]}, "messages[0].content[1].text"),
        ({"system": "s"}, "system"),
        ({"inferenceConfig": []}, "inferenceConfig"),
        ({"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"temperature": 1.5}}, "inferenceConfig.temperature"),
        ({"inferenceConfig": {"stopSequences": "END"}}, "inferenceConfig.stopSequences"),
        ({"inferenceConfig": {"stopSequences": [1]}}, "inferenceConfig.stopSequences[0]"),
        ({"serviceTier": {"type": 1}}, "serviceTier.type"),
        ({"outputConfig": {"textFormat": {"type": "json_schema"}}}, "outputConfig.textFormat.structure"),
        (
            {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}}},
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": "x"}}},
            "additionalModelRequestFields.thinking.budget_tokens",
        ),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], path: str) -> None:
    """With the client's JSON path."""
    with pytest.raises(InvalidBody) as caught:
        decode_request({**request_of(), **change})
    assert caught.value.path == path
