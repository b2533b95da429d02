"""Whole answers, both ways."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse.response import answer_facts, decode_response, encode_response
from proxy.core.messages import (
    ImagePart,
    OpaquePart,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice, Usage
from tests.support.converse_samples import wire


@pytest.mark.parametrize("name", ["answer_text.json", "answer_tools.json"])
def test_answers_come_back(name: str) -> None:
    """With all their fields; counts of the cache are spelled out."""
    expected = json.loads(wire(name))
    encoded = encode_response(decode_response(wire(name)))
    expected["usage"] = {"cacheReadInputTokens": 0, "cacheWriteInputTokens": 0, **expected["usage"]}
    assert encoded.body == expected
    assert encoded.dropped == ()


def test_the_parts_of_an_answer() -> None:
    """A server tool's call and result are the dialect's own."""
    response = decode_response(wire("answer_tools.json"))
    content = response.choices[0].content
    assert content[:2] == (ThinkingPart(text="Let me think.", signature="c2lnbmVk"), RedactedThinkingPart(data="Encrypted"))
    assert [type(part) for part in content[2:4]] == [OpaquePart, OpaquePart]
    assert content[5] == ToolUsePart(id="tooluse_1", name="lookup", arguments='{"name":"Tom"}')
    assert (response.id, response.model, response.choices[0].finish) == ("", "", "tool_calls")


def test_another_dialect_s_answer() -> None:
    """The first choice; what has no form here is reported by its canonical name."""
    choice = Choice(
        content=(
            ThinkingPart(text="t"),
            TextPart(text=""),
            TextPart(text="a", citations=({"x": 1},), citations_dialect="anthropic_messages"),
            RefusalPart(text="no"),
            ImagePart(data="iVBORw0KGgo=", media_type="image/png"),
            ToolUsePart(id="i/1", name="f", arguments='{"cut'),
            OpaquePart(dialect="openai_chat", value={}),
        ),
        stop_sequence="END",
        logprobs={},
    )
    usage = Usage(input_tokens=1, output_tokens=2, cache_read_tokens=3)
    response = ChatResponse(id="i", model="m", choices=(choice, Choice(index=1)), usage=usage, service_tier="scale", extra={"x": 1})
    encoded = encode_response(response)
    assert encoded.body["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "t"}}},
        {"text": "a"},
        {"text": "no"},
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"toolUse": {"toolUseId": "i/1", "name": "f", "input": {}}},
    ]
    assert (encoded.body["stopReason"], encoded.body["usage"]["totalTokens"], encoded.body["metrics"]) == ("tool_use", 6, {"latencyMs": 0})
    lost = ("choices[1]", "logprobs", "stop_sequence", "content[2].citations", "content[3]", "content[5].input", "content[6]")
    assert encoded.dropped == (*lost, "service_tier", "x")


def test_an_answer_without_a_choice_or_usage() -> None:
    """Still has the fields that the SDK's shape requires."""
    body = encode_response(ChatResponse(id="", model="", choices=())).body
    assert body["output"] == {"message": {"role": "assistant", "content": []}}
    assert (body["stopReason"], body["usage"]["totalTokens"]) == ("end_turn", 0)


def test_the_provider_s_own_stop_reason_comes_back() -> None:
    """Where canonical words are fewer."""
    answer: dict[str, Any] = {**json.loads(wire("answer_text.json")), "stopReason": "guardrail_intervened"}
    response = decode_response(json.dumps(answer).encode())
    assert response.choices[0].finish == "content_filter"
    assert encode_response(response).body["stopReason"] == "guardrail_intervened"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"output": None}, "output"),
        ({"output": {}}, "output.message"),
        ({"output": {"message": {}}}, "output.message.content"),
        ({"stopReason": None}, "stopReason"),
        ({"usage": []}, "usage"),
        ({"serviceTier": {"type": 1}}, "serviceTier.type"),
    ],
)
def test_a_broken_answer_is_refused(change: dict[str, Any], path: str) -> None:
    """With the place."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(json.dumps({**json.loads(wire("answer_text.json")), **change}).encode())
    assert caught.value.path == path


def test_facts() -> None:
    """Usage and calls; a server tool's call is none of the client's."""
    facts = answer_facts(wire("answer_tools.json"))
    assert (facts.tool_calls, facts.finished, facts.has_metadata, facts.response_id, facts.model) == (True, True, False, None, None)
    assert facts.usage == decode_response(wire("answer_tools.json")).usage
    answer = json.loads(wire("answer_tools.json"))
    answer["output"]["message"]["content"] = answer["output"]["message"]["content"][:4]
    answer["metadata"] = {}
    del answer["usage"]
    facts = answer_facts(json.dumps(answer).encode())
    assert (facts.tool_calls, facts.has_metadata, facts.usage) == (False, True, None)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b'{"message":"no"}', b'{"output":{"message":{"content":[{"toolUse":1}]}},"stopReason":"x"}']
)
def test_facts_of_what_is_no_answer(body: bytes) -> None:
    """InvalidBody."""
    with pytest.raises(InvalidBody):
        answer_facts(body)
