"""Whole answers."""

import json
from typing import Any

import msgspec
import pytest

from proxy.codecs.accumulate import Accumulator, response_to_events
from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.response import answer_facts, decode_response, encode_response
from proxy.core.messages import TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice
from tests.support.gemini_samples import ANSWERS, decode_all, encode_all, sample, sample_json


def answer(*candidates: dict[str, Any], **more: Any) -> ChatResponse:
    return decode_response(json.dumps({"candidates": list(candidates), **more}).encode())


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_come_back_equal(name: str) -> None:
    """But for the ids that calls have got."""
    response = decode_response(sample(name))
    encoded = encode_response(response)
    body: dict[str, Any] = json.loads(json.dumps(encoded.body))
    for candidate in body.get("candidates", []):
        for part in candidate["content"]["parts"]:
            part.get("functionCall", {}).pop("id", None)
    assert body == sample_json(name)
    assert encoded.dropped == ()
    assert decode_response(json.dumps(encoded.body).encode()) == response


@pytest.mark.parametrize("name", ANSWERS)
def test_facts_agree_with_the_decoder(name: str) -> None:
    """Both lanes learn the same."""
    response, facts = decode_response(sample(name)), answer_facts(sample(name))
    assert (facts.response_id, facts.model, facts.usage, facts.finished) == (response.id, response.model, response.usage, True)
    assert facts.tool_calls == any(isinstance(part, ToolUsePart) for choice in response.choices for part in choice.content)
    assert facts.has_metadata is False


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_and_its_stream_agree(name: str) -> None:
    """Replayed as a stream of this dialect and read again."""
    response = decode_response(sample(name))
    folded = Accumulator()
    for event in decode_all(encode_all(response_to_events(response))):
        folded.add(event)
    replayed = folded.response()
    assert [_said(choice) for choice in replayed.choices] == [_said(choice) for choice in response.choices]
    assert [choice.finish for choice in replayed.choices] == [choice.finish for choice in response.choices]
    assert (replayed.id, replayed.model, replayed.usage) == (response.id, response.model, response.usage)


def _said(choice: Choice) -> list[Any]:
    """The parts, and the sources apart: a stream has them in its last event."""
    texts = [part for part in choice.content if isinstance(part, TextPart)]
    content = [part.text if isinstance(part, TextPart) else part for part in choice.content]
    return [[part for part in content if part != ""], [citation for part in texts for citation in part.citations]]


def test_calls_thoughts_and_sources() -> None:
    """Two calls without ids get two; the sources belong to the text."""
    choice = decode_response(sample("answer_tools.json")).choices[0]
    thought, text, signature, first, second = choice.content
    assert thought == ThinkingPart(text="Two calls.")
    assert isinstance(text, TextPart)
    assert [list(citation) for citation in text.citations] == [["groundingMetadata"]]
    assert signature == ThinkingPart(text="", signature="gemini:CpsBAb4=")
    assert isinstance(first, ToolUsePart)
    assert isinstance(second, ToolUsePart)
    assert first.id != second.id
    assert choice.finish == "tool_calls"
    assert choice.logprobs is not None
    assert choice.logprobs["content"][0]["top_logprobs"][1]["token"] == "Ask"


def test_a_blocked_prompt_is_a_refusal() -> None:
    """Not an answer that was cut off."""
    response = decode_response(sample("answer_blocked.json"))
    assert response.choices == (Choice(finish="content_filter"),)
    assert response.usage is not None
    assert response.usage.prompt_tokens == 6


def test_sources_without_text() -> None:
    """Stand on an empty one."""
    choice = answer({"finishReason": "STOP", "urlContextMetadata": {"a": 1}}).choices[0]
    assert choice.content == (TextPart(text="", citations=({"urlContextMetadata": {"a": 1}},), citations_dialect="gemini_generate"),)


def test_a_reason_without_a_word_elsewhere_is_kept() -> None:
    """For clients of this dialect."""
    response = answer({"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad call"})
    assert response.choices[0].finish == "other"
    candidate = encode_response(response).body["candidates"][0]
    assert (candidate["finishReason"], candidate["finishMessage"]) == ("MALFORMED_FUNCTION_CALL", "bad call")


def test_candidates_without_index_are_numbered() -> None:
    """By their place."""
    assert [choice.index for choice in answer({"finishReason": "STOP"}, {"finishReason": "STOP"}).choices] == [0, 1]


def test_what_the_dialect_lacks_is_reported() -> None:
    """A stop sequence's text, another dialect's fields."""
    response = ChatResponse(
        id="r",
        model="m",
        choices=(Choice(content=(TextPart(text="a"),), finish="stop_sequence", stop_sequence="X", logprobs={"content": []}),),
        extra={"system_fingerprint": "f"},
    )
    encoded = encode_response(response)
    assert encoded.dropped == ("stop_sequence", "system_fingerprint")
    assert encoded.body == {
        "candidates": [
            {
                "content": {"parts": [{"text": "a"}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
                "logprobsResult": {"chosenCandidates": [], "topCandidates": []},
            }
        ],
        "modelVersion": "m",
        "responseId": "r",
    }


def test_without_a_response_id_call_ids_still_differ_between_answers() -> None:
    """They follow from the body."""
    call = {"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}
    parts = [answer(call, usageMetadata={"promptTokenCount": n}).choices[0].content[0] for n in (1, 1, 2)]
    ids = [part.id for part in parts if isinstance(part, ToolUsePart)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", ""),
        (b"<html>", ""),
        (b'{"usageMetadata":{}}', "candidates"),
        (b'{"candidates":[]}', "candidates"),
        (b'{"candidates":[5]}', "candidates[0]"),
        (b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}', "candidates[0].finishReason"),
        (b'{"candidates":[{"content":{"parts":[5]},"finishReason":"STOP"}]}', "candidates[0].content.parts[0]"),
        (b'{"error":{"message":"no"}}', "error"),
        (b'{"error":"no"}', "error"),
    ],
)
def test_what_is_no_whole_answer_is_refused(body: bytes, path: str) -> None:
    """With the path."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(body)
    assert caught.value.path == path


def test_facts_of_what_is_no_answer() -> None:
    """Refused as well; an answer without its end is not whole."""
    for body in (b"[]", b"x", b"\xff", b'{"candidates":5}', b"{}", b'{"error":{"message":"no"}}'):
        with pytest.raises(InvalidBody):
            answer_facts(body)
    assert answer_facts(b'{"candidates":[{}],"metadata":{}}').finished is False
    assert answer_facts(b'{"candidates":[{}],"metadata":{}}').has_metadata is True


def test_the_usages_details_are_for_the_own_dialect() -> None:
    """And the tier is told in OpenAI's words."""
    response = answer({"finishReason": "STOP"}, usageMetadata={"promptTokenCount": 1, "serviceTier": "standard"})
    assert response.service_tier == "default"
    assert encode_response(msgspec.structs.replace(response, usage=None)).body.keys() == {"candidates", "modelVersion", "responseId"}
