"""A request of this dialect, written back."""

import json
from typing import Any

import msgspec

from proxy.codecs.gemini_generate.request import WireRequest, decode_request
from proxy.codecs.gemini_generate.same_dialect import encode_own
from proxy.core.messages import Message, Part, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest, ResponseFormat, Tool, ToolChoice
from tests.support.gemini_samples import sample_json


def full() -> WireRequest:
    return decode_request(sample_json("request_full.json"))


def masked(request: WireRequest) -> WireRequest:
    """As a policy does it: text, arguments and results in capitals."""

    def mask(part: Part) -> Part:
        if isinstance(part, TextPart):
            return msgspec.structs.replace(part, text=part.text.upper())
        if isinstance(part, ToolUsePart):
            return msgspec.structs.replace(part, arguments=part.arguments.upper())
        return part

    messages = tuple(msgspec.structs.replace(m, content=tuple(map(mask, m.content))) for m in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def test_unchanged_is_equal() -> None:
    """To the last field."""
    body = sample_json("request_full.json")
    encoded = encode_own(full())
    assert encoded.body == body
    assert encoded.dropped == ()


def test_only_the_models_name_changes() -> None:
    """And the stream flag."""
    encoded = encode_own(msgspec.structs.replace(full(), model="other", stream=True))
    assert encoded.body == {**sample_json("request_full.json"), "model": "other", "stream": True}


def test_changed_text_keeps_signatures_and_unknown_fields() -> None:
    """Only the text and the arguments differ."""
    expected = sample_json("request_full.json")
    expected["systemInstruction"]["parts"][0]["text"] = "ANSWER IN ONE SENTENCE."
    expected["contents"][0]["parts"][0]["text"] = "WHAT IS IN THESE?"
    expected["contents"][1]["parts"][1]["functionCall"]["args"] = {"AT": "A.PDF"}
    expected["contents"][4]["parts"][0]["text"] = "GO ON."
    encoded = encode_own(masked(full()))
    assert encoded.body == expected
    assert json.dumps(sample_json("request_full.json")) == json.dumps(full().source)


def test_a_changed_result_is_written_anew() -> None:
    """With its function's name, which the call has; the content around it stays."""
    request = full()
    first, second = request.messages[3].content
    assert isinstance(first, ToolResultPart)
    changed = msgspec.structs.replace(first, content=(TextPart(text="***"),))
    message = msgspec.structs.replace(request.messages[3], content=(changed, second))
    body = encode_own(msgspec.structs.replace(request, messages=(*request.messages[:3], message, *request.messages[4:]))).body
    parts = body["contents"][2]["parts"]
    assert parts[0]["functionResponse"]["name"] == "look"
    assert parts[0]["functionResponse"]["response"] == {"output": "***"}
    assert parts[1]["functionResponse"]["response"] == {"pages": 2}
    assert parts[1]["functionResponse"]["parts"][0]["inlineData"]["mimeType"] == "image/png"


def test_messages_may_come_and_go() -> None:
    """An added instruction joins the first one; a removed content is gone."""
    request = full()
    added = Message(role="system", content=(TextPart(text="Be kind."),), path="policy")
    body = encode_own(msgspec.structs.replace(request, messages=(added, *request.messages[:-1]))).body
    assert body["systemInstruction"] == {"parts": [{"text": "Be kind."}, {"text": "Answer in one sentence."}]}
    assert body["contents"] == sample_json("request_full.json")["contents"][:-1]
    bare = encode_own(msgspec.structs.replace(request, messages=request.messages[1:])).body
    assert "systemInstruction" not in bare


def test_changed_settings_replace_the_clients() -> None:
    """Under whichever spelling it had them."""
    source: dict[str, Any] = {
        "model": "m",
        "contents": [{"parts": [{"text": "hi"}]}],
        "generation_config": {"max_output_tokens": 9, "responseSchema": {"type": "STRING"}, "x": 1},
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "tools": {"function_declarations": {"name": "f"}},
        "labels": {"a": "b"},
    }
    request = decode_request(source)
    changed = msgspec.structs.replace(
        request,
        max_tokens=5,
        response_format=ResponseFormat(kind="json_object"),
        tools=(*request.tools, Tool(name="g")),
        tool_choice=ToolChoice(mode="none"),
        extra={"new": 1},
    )
    assert encode_own(changed).body == {
        "model": "m",
        "stream": False,
        "contents": source["contents"],
        "generationConfig": {"x": 1, "maxOutputTokens": 5, "responseMimeType": "application/json"},
        "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
        "new": 1,
    }


def test_a_request_built_by_hand_is_written_whole() -> None:
    """One of this dialect without a body."""
    request = ChatRequest(
        dialect="gemini_generate", model="m", messages=(Message(role="user", content=(TextPart(text="hi"),)),), temperature=0.5
    )
    assert encode_own(request).body == {
        "model": "m",
        "stream": False,
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"temperature": 0.5},
    }
