"""Whole answers of every family."""

import json

import pytest

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import BodyFacts, InvalidBody
from proxy.codecs.bedrock_invoke.family import Family
from proxy.codecs.bedrock_invoke.response import answer_facts, decode_response, encode_response
from proxy.core.response import ChatResponse, Choice
from tests.support.invoke_samples import sample

CODEC = AnthropicMessagesCodec()


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_samples_come_back(family: Family) -> None:
    """Told apart by their form; both lanes learn the same."""
    answer = sample(f"answer_{family}")
    body = json.dumps(answer).encode()
    response = decode_response(CODEC, body)
    encoded = encode_response(CODEC, response, family)
    assert {key: encoded.body[key] for key in answer if key != "usage"} == {key: answer[key] for key in answer if key != "usage"}
    assert encoded.dropped == ()
    facts = answer_facts(CODEC, body)
    assert (facts.usage, facts.finished, facts.tool_calls) == (response.usage, True, family == "claude")


def test_other_vendors() -> None:
    """Can't be translated, but pass: nothing is known of them."""
    body = b'{"outputs": [{"text": "x"}]}'
    with pytest.raises(InvalidBody, match="outputs"):
        decode_response(CODEC, body)
    assert answer_facts(CODEC, body) == BodyFacts()
    with pytest.raises(InvalidBody, match="empty object"):
        decode_response(CODEC, b"{}")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"results": []}', b'{"type": "message"}'])
def test_what_is_no_answer(body: bytes) -> None:
    """In either lane."""
    with pytest.raises(InvalidBody):
        answer_facts(CODEC, body)
    with pytest.raises(InvalidBody):
        decode_response(CODEC, body)


def test_logprobs_are_reported() -> None:
    """Neither of the text families has them."""
    response = ChatResponse(id="", model="", choices=(Choice(logprobs={"content": []}),))
    assert encode_response(CODEC, response, "titan").dropped == ("choices[0].logprobs",)
