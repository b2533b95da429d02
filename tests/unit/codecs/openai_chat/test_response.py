"""Whole answers, both ways."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.messages import (
    AudioPart,
    ImagePart,
    OpaquePart,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolUsePart,
)
from proxy.core.response import ChatResponse, Choice, FinishReason, Usage
from tests.support.openai_samples import sample, sample_json

CODEC = OpenAIChatCodec(now=lambda: 1_795_000_000.5)


def decode(*choices: Any, **fields: Any) -> ChatResponse:
    return CODEC.decode_response(json.dumps({"id": "r", "model": "m", "choices": choices, **fields}).encode())


def choice(finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}


def answer(*parts: Any, finish: FinishReason = "stop", **fields: Any) -> ChatResponse:
    return ChatResponse(id="msg_1", model="claude", choices=(Choice(content=parts, finish=finish),), **fields)


def test_every_kind_of_content() -> None:
    """Three choices with all that a message can hold."""
    first, second, third = CODEC.decode_response(sample("completion_full.json")).choices
    assert first.content == (
        ThinkingPart(text="Think first."),
        TextPart(
            text="See [a].",
            citations=(
                {"type": "url_citation", "url_citation": {"start_index": 4, "end_index": 7, "title": "A", "url": "https://example.com/a"}},
            ),
            citations_dialect="openai_chat",
        ),
        ToolUsePart(id="call_Lx01", name="weather", arguments='{"city":"Zürich"}'),
        OpaquePart(dialect="openai_chat", value={"id": "call_Lx02", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}),
    )
    assert first.finish == "tool_calls"
    assert first.logprobs is not None
    assert second.content == (RefusalPart(text="I can't help with that."),)
    assert isinstance(third.content[0], OpaquePart)
    assert third.content[0].value["audio"]["transcript"] == "Good day"


def test_head_of_the_answer() -> None:
    """Id, model, time, tier, fingerprint."""
    response = CODEC.decode_response(sample("completion_text.json"))
    assert (response.id, response.model, response.created) == ("chatcmpl-9Tb1", "gpt-4o-mini-2024-07-18", 1795380000)
    assert (response.service_tier, response.extra) == ("default", {"system_fingerprint": "fp_51db84afab"})


@pytest.mark.parametrize("name", ["completion_text.json", "completion_full.json"])
def test_same_dialect_comes_back(name: str) -> None:
    """As JSON, but for empty annotations."""
    expected = sample_json(name)
    for item in expected["choices"]:
        if item["message"].get("annotations") == []:
            del item["message"]["annotations"]
    encoded = CODEC.encode_response(CODEC.decode_response(sample(name)))
    assert encoded.body == expected
    assert encoded.dropped == ()


@pytest.mark.parametrize("name", ["completion_text.json", "completion_full.json"])
def test_decoding_what_was_encoded(name: str) -> None:
    """Gives the same answer."""
    response = CODEC.decode_response(sample(name))
    assert CODEC.decode_response(json.dumps(CODEC.encode_response(response).body).encode()) == response


@pytest.mark.parametrize(
    "response",
    [
        CODEC.decode_response(sample("completion_text.json")),
        CODEC.decode_response(sample("completion_full.json")),
        answer(TextPart(text="a"), usage=Usage(input_tokens=3, output_tokens=1), service_tier="standard"),
        answer(ToolUsePart(id="t", name="f", arguments=""), finish="tool_calls", service_tier="on_demand"),
        answer(AudioPart(data="AAAA")),
        answer(finish="context_length"),
    ],
)
def test_sdk_accepts_it(response: ChatResponse) -> None:
    """The real types, strictly."""
    body = CODEC.encode_response(response).body
    assert ChatCompletion.model_validate_json(json.dumps(body), strict=True).choices[0].message.role == "assistant"


def test_foreign_answer() -> None:
    """Time from the clock, thinking as reasoning_content, empty arguments as an empty object."""
    response = answer(
        ThinkingPart(text="t", signature="s"),
        TextPart(text="a"),
        TextPart(text="b", citations=({"type": "char_location"},), citations_dialect="anthropic_messages"),
        ToolUsePart(id="toolu_1", name="f", arguments=""),
        finish="tool_calls",
        extra={"container": {"id": "c"}},
    )
    encoded = CODEC.encode_response(response)
    assert encoded.body["created"] == 1_795_000_000
    assert encoded.body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "ab",
        "refusal": None,
        "reasoning_content": "t",
        "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert encoded.dropped == ("choices[0].content[0].signature", "choices[0].content[2].citations", "container")


@pytest.mark.parametrize(
    "part",
    [
        RedactedThinkingPart(data="x"),
        ImagePart(url="u"),
        OpaquePart(dialect="anthropic_messages", value={}),
        OpaquePart(dialect="openai_chat", value={"type": "unheard_of"}),
    ],
)
def test_parts_without_a_place_are_reported(part: Any) -> None:
    """By their canonical names."""
    encoded = CODEC.encode_response(answer(TextPart(text="a"), part))
    assert encoded.body["choices"][0]["message"]["content"] == "a"
    assert encoded.dropped == ("choices[0].content[1]",)


def test_stop_sequence_is_reported() -> None:
    """The API does not say which one it was."""
    response = ChatResponse(id="i", model="m", choices=(Choice(finish="stop_sequence", stop_sequence="END"),))
    encoded = CODEC.encode_response(response)
    assert (encoded.body["choices"][0]["finish_reason"], encoded.dropped) == ("stop", ("stop_sequence",))


def test_two_refusals_join() -> None:
    """There is one field."""
    body = CODEC.encode_response(answer(RefusalPart(text="no"), RefusalPart(text="."), finish="refusal")).body
    assert body["choices"][0]["message"]["refusal"] == "no."
    assert body["choices"][0]["finish_reason"] == "stop"


def test_clock_less_codec_writes_zero() -> None:
    """A codec has no clock of its own."""
    assert OpenAIChatCodec().encode_response(answer()).body["created"] == 0


def test_missing_ids_are_invented_the_same_each_time() -> None:
    """Of the answer and of its calls, all different."""
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    given = choice("tool_calls", content=None, tool_calls=[call, call, {"type": "custom", "custom": {"name": "c", "input": ""}}])
    ids = [
        part.id if isinstance(part, ToolUsePart) else part.value["id"]
        for part in decode(given).choices[0].content
        if isinstance(part, ToolUsePart | OpaquePart)
    ]
    assert len(set(ids)) == 3
    assert all(call_id.startswith("call_") for call_id in ids)
    assert decode(given) == decode(given)
    assert CODEC.encode_response(decode(given, id=None)).body["id"].startswith("chatcmpl-")


def test_legacy_call_comes_back_as_one() -> None:
    """By the provider's own finish_reason."""
    given = choice("function_call", content=None, refusal=None, function_call={"name": "f", "arguments": '{"a":1}'})
    response = decode(given)
    assert response.choices[0].finish == "tool_calls"
    assert CODEC.encode_response(response).body["choices"][0] == {**given, "logprobs": None}


def test_forced_call_keeps_its_stop() -> None:
    """Elsewhere the reason must fit the content, here it is the provider's."""
    given = choice("stop", content=None, tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    response = decode(given)
    assert response.choices[0].finish == "tool_calls"
    assert CODEC.encode_response(response).body["choices"][0]["finish_reason"] == "stop"


def test_stop_string_of_vllm() -> None:
    """`stop_reason` names the sequence; a token id does not."""
    assert decode({**choice(content="a"), "stop_reason": "END"}).choices[0].stop_sequence == "END"
    assert decode({**choice(content="a"), "stop_reason": 128001}).choices[0].finish == "stop"


def test_fields_of_compatible_servers() -> None:
    """Unknown ones of a message come back; `reasoning` is thinking; content may be a list; index may be absent."""
    given = {
        "message": {"content": [{"type": "text", "text": "a"}], "reasoning": "r", "x": 1},
        "finish_reason": "stop",
        "native_finish_reason": "STOP",
    }
    response = decode(given)
    assert response.choices[0].content == (ThinkingPart(text="r"), TextPart(text="a"))
    written = CODEC.encode_response(response).body["choices"][0]
    assert (written["message"]["x"], written["native_finish_reason"], written["index"]) == (1, "STOP", 0)


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"<html>", "", "Invalid JSON"),
        (b"[]", "", "must be a JSON object"),
        (b'{"error":{"message":"boom"}}', "error", "error object: boom"),
        (b'{"error":"boom"}', "error", "error object: boom"),
        (b"{}", "choices", "is required"),
        (b'{"choices":{}}', "choices", "must be an array"),
        (b'{"choices":[]}', "choices", "is empty"),
        (b'{"choices":[1]}', "choices[0]", "must be an object"),
        (b'{"choices":[{}]}', "choices[0].message", "is required"),
        (b'{"choices":[{"message":{"content":5},"finish_reason":"stop"}]}', "choices[0].message.content", "must be an array"),
        (b'{"choices":[{"message":{}}]}', "choices[0].finish_reason", "is required"),
        (
            b'{"choices":[{"message":{"tool_calls":[{}]},"finish_reason":"stop"}]}',
            "choices[0].message.tool_calls[0].function",
            "is required",
        ),
        (b'{"id":5,"choices":[]}', "id", "must be a string"),
        (b'{"usage":[],"choices":[{"message":{},"finish_reason":"stop"}]}', "usage", "must be an object"),
    ],
)
def test_bodies_that_are_no_answers(body: bytes, path: str, message: str) -> None:
    """Also one whose choice has not finished."""
    with pytest.raises(InvalidBody, match=message) as info:
        CODEC.decode_response(body)
    assert info.value.path == path


def test_a_gemini_calls_signature_stands_in_extra_content() -> None:
    """Where Google's own endpoint has it; any other signature is reported, and a thought without text shows nothing."""
    call = ToolUsePart(id="c", name="f", arguments="{}")
    signed = ThinkingPart(text="", signature="gemini:CpsB")
    encoded = CODEC.encode_response(answer(signed, call, call, ThinkingPart(text="", signature="EqQB"), call, signed, TextPart(text="a")))
    message = encoded.body["choices"][0]["message"]
    extras = [item.get("extra_content") for item in message["tool_calls"]]
    assert extras == [{"google": {"thought_signature": "CpsB"}}, None, None]
    assert "reasoning_content" not in message
    assert encoded.dropped == ("choices[0].content[3].signature", "choices[0].content[5].signature")
    ChatCompletion.model_validate_json(json.dumps(encoded.body), strict=True)
