"""Whole answers, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message

from proxy.codecs.anthropic_messages.response import answer_facts, decode_response, encode_response
from proxy.codecs.base import InvalidBody
from proxy.core.messages import (
    AudioPart,
    OpaquePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice, Usage

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"
SAMPLES = ["message_text.json", "message_tools.json"]


def answer(**fields: Any) -> bytes:
    message = json.loads((WIRE / "message_text.json").read_bytes())
    return json.dumps({key: value for key, value in {**message, **fields}.items() if value != "absent"}).encode()


def encode(*parts: Part, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    choice = Choice(content=parts, **{key: fields.pop(key) for key in ("finish", "logprobs", "extra") if key in fields})
    encoded = encode_response(ChatResponse(**{"id": "chatcmpl-1", "model": "gpt", "choices": (choice,), "usage": Usage(), **fields}))
    Message.model_validate(encoded.body, strict=True)
    return encoded.body, encoded.dropped


def test_text_answer() -> None:
    """Text, stop reason, usage; what has no place is in `extra`."""
    response = decode_response((WIRE / "message_text.json").read_bytes())
    assert (response.id, response.model, response.service_tier, response.created) == ("msg_01TEXT", "claude-sonnet-4-5", "default", None)
    assert response.choices == (Choice(content=(TextPart(text="Shelf 3, grüß dich 👋"),), finish="stop"),)
    assert response.extra == {"stop_details": None}
    assert response.usage is not None
    assert (response.usage.prompt_tokens, response.usage.output_tokens) == (442, 9)


def test_tools_answer() -> None:
    """Thinking, citations, server tools and calls, in order."""
    response = decode_response((WIRE / "message_tools.json").read_bytes())
    kinds = [type(part).__name__ for part in response.choices[0].content]
    assert kinds == ["ThinkingPart", "TextPart", "OpaquePart", "OpaquePart", "ToolUsePart", "ToolUsePart"]
    assert response.choices[0].finish == "tool_calls"
    assert response.choices[0].content[4] == ToolUsePart(id="toolu_a", name="find", arguments='{"parcel":7}')


@pytest.mark.parametrize("name", SAMPLES)
def test_own_answer_survives(name: str) -> None:
    """Decoded and encoded again, it is the same JSON, and the SDK's strict parse takes it."""
    body = (WIRE / name).read_bytes()
    encoded = encode_response(decode_response(body))
    assert encoded.body == json.loads(body)
    assert encoded.dropped == ()
    Message.model_validate(encoded.body, strict=True)


def test_unknown_stop_reason_survives() -> None:
    """It is "other" to the rest of the world, itself to this dialect."""
    response = decode_response(answer(stop_reason="brand_new"))
    assert response.choices[0].finish == "other"
    assert encode_response(response).body["stop_reason"] == "brand_new"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": "error"}, "type"),
        ({"type": "absent"}, "type"),
        ({"id": 3}, "id"),
        ({"model": None}, "model"),
        ({"content": None}, "content"),
        ({"content": "text"}, "content"),
        ({"content": [{"type": "text"}]}, "content[0].text"),
        ({"stop_reason": None}, "stop_reason"),
        ({"stop_reason": "absent"}, "stop_reason"),
        ({"stop_sequence": 1}, "stop_sequence"),
        ({"usage": None}, "usage"),
        ({"usage": {"input_tokens": "3"}}, "usage.input_tokens"),
    ],
)
def test_broken_answer_names_the_place(fields: dict[str, Any], path: str) -> None:
    """An answer that breaks the schema is refused, with the path."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(answer(**fields))
    assert caught.value.path == path


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<html>"])
def test_answer_that_is_no_object_is_refused(body: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidBody):
        decode_response(body)


def test_answer_of_another_dialect() -> None:
    """Ids, order and arguments survive; the usage has this dialect's names; the SDK takes it."""
    body, dropped = encode(
        ThinkingPart(text="hm"),
        TextPart(text=""),
        TextPart(text="a"),
        RedactedThinkingPart(data="d"),
        ToolUsePart(id="call_1", name="f", arguments='{"x": 1}'),
        ToolUsePart(id="call_2", name="g", arguments=""),
        finish="tool_calls",
        service_tier="default",
        usage=Usage(input_tokens=5, output_tokens=6, cache_read_tokens=2),
        created=1,
    )
    assert body == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "a"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "output_tokens": 6,
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 0,
            "service_tier": "standard",
        },
    }
    assert dropped == ()


def test_forced_tool_ends_with_tool_use() -> None:
    """OpenAI says "stop" there; an Anthropic client looks at the stop reason."""
    assert encode(ToolUsePart(id="c", name="f", arguments="{}"), finish="stop")[0]["stop_reason"] == "tool_use"


def test_refusal_is_text_with_its_stop_reason() -> None:
    """The words stay."""
    body, _ = encode(RefusalPart(text="no"), finish="stop")
    assert (body["content"], body["stop_reason"]) == ([{"type": "text", "text": "no"}], "refusal")


def test_arguments_cut_off_by_the_limit() -> None:
    """No object can be made of them: an empty input, reported."""
    body, dropped = encode(TextPart(text="a"), ToolUsePart(id="c", name="f", arguments='{"x": "y'), finish="length")
    assert body["content"][1]["input"] == {}
    assert (body["stop_reason"], dropped) == ("max_tokens", ("content[1].input",))


def test_what_cannot_be_shown_is_reported() -> None:
    """Further choices, logprobs, audio, foreign blocks and fields."""
    response = ChatResponse(
        id="i",
        model="m",
        choices=(
            Choice(content=(AudioPart(id="a"), OpaquePart(dialect="openai_chat", value={})), logprobs={"content": []}),
            Choice(index=1),
        ),
        extra={"system_fingerprint": "fp", "container": None},
    )
    encoded = encode_response(response)
    assert encoded.dropped == ("choices[1]", "logprobs", "content[0]", "content[1]", "system_fingerprint")
    assert (encoded.body["content"], encoded.body["usage"]) == ([], {"input_tokens": 0, "output_tokens": 0})


def test_answer_without_choices() -> None:
    """Still a message that the SDK takes."""
    encoded = encode_response(ChatResponse(id="i", model="m", choices=()))
    assert Message.model_validate(encoded.body, strict=True).content == []


def test_facts() -> None:
    """What the passthrough lane asks, as the full decoding says it."""
    for name, calls in zip(SAMPLES, (False, True), strict=True):
        body = (WIRE / name).read_bytes()
        facts, response = answer_facts(body), decode_response(body)
        assert (facts.response_id, facts.model, facts.usage) == (response.id, response.model, response.usage)
        assert (facts.tool_calls, facts.has_metadata, facts.finished, facts.created) == (calls, False, True, None)


def test_facts_of_an_unfinished_answer() -> None:
    """A null stop reason is no end; a `metadata` of the upstream's is noticed."""
    facts = answer_facts(answer(stop_reason=None, metadata={"a": 1}))
    assert (facts.finished, facts.has_metadata) == (False, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", answer(type="error"), answer(usage="absent"), answer(content=[1]), b'{"id": "\xff"}'])
def test_facts_of_something_else(body: bytes) -> None:
    """Not this dialect's answer."""
    with pytest.raises(InvalidBody):
        answer_facts(body)
