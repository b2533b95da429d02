"""Tools that take free text, between OpenAI chat and Responses, both ways: tools, calls, results and streams."""

import json
from typing import Any

import pytest

from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_custom import call_for_chat, call_for_responses, result_for_chat, tool_for_chat, tool_for_responses
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.messages import OpaquePart, Part, TextPart
from tests.support.openai_samples import chunks_of
from tests.support.openai_samples import decode_all as decode_chunks
from tests.support.responses_samples import decode_all, events_of, read_by_sdk

CHAT, RESPONSES = OpenAIChatCodec(), OpenAIResponsesCodec()
GRAMMAR = {"syntax": "lark", "definition": "start: NUMBER"}
CHAT_TOOL = {"type": "custom", "custom": {"name": "sum", "description": "d", "format": {"type": "grammar", "grammar": GRAMMAR}}}
TOOL = {"type": "custom", "name": "sum", "description": "d", "format": {"type": "grammar", **GRAMMAR}}
ITEM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "sum", "input": "1+1", "status": "completed"}
CALL = {"id": "call_1", "type": "custom", "custom": {"name": "sum", "input": "1+1"}}


@pytest.mark.parametrize("bare", [False, True])
def test_tools(bare: bool) -> None:
    """A grammar is nested in chat; a plain text format and none at all are the same in both."""
    chat, responses = CHAT_TOOL, TOOL
    if bare:
        chat, responses = {"type": "custom", "custom": {"name": "sum", "format": {"type": "text"}}}, {"type": "custom", "name": "sum"}
        assert tool_for_responses(chat) == {**responses, "format": {"type": "text"}}
        assert tool_for_chat(responses) == {"type": "custom", "custom": {"name": "sum"}}
        return
    assert tool_for_responses(chat) == responses
    assert tool_for_chat(responses) == chat


@pytest.mark.parametrize("tool", [{"type": "web_search"}, {**TOOL, "novel": 1}])
def test_other_tools_of_responses(tool: dict[str, Any]) -> None:
    """And fields that nobody knows: left to be reported."""
    assert tool_for_chat(tool) is None


@pytest.mark.parametrize(
    "tool", [{"type": "novel", "novel": {}}, {"type": "custom", "custom": 5}, {"type": "custom", "custom": {"name": "f", "novel": 1}}]
)
def test_other_tools_of_chat(tool: dict[str, Any]) -> None:
    """Likewise."""
    assert tool_for_responses(tool) is None


@pytest.mark.parametrize(
    "part",
    [
        TextPart(text="a"),
        OpaquePart(dialect="openai_responses", value={"type": "web_search_call", "id": "w"}),
        OpaquePart(dialect="openai_chat", value={"type": "audio", "audio": {}}),
        OpaquePart(dialect="openai_chat", value={"type": "custom", "custom": {"name": "part without an id"}}),
        OpaquePart(dialect="anthropic_messages", value={"type": "custom"}),
    ],
)
def test_other_parts(part: Part) -> None:
    """Neither call nor result."""
    assert (call_for_chat(part), call_for_responses(part), result_for_chat(part)) == (None, None, None)


@pytest.mark.parametrize(
    ("output", "content"),
    [("2", "2"), ([{"type": "input_text", "text": "2"}, {"type": "input_text", "text": "!"}], "2!"), ([{"type": "input_image"}], None)],
)
def test_results(output: Any, content: str | None) -> None:
    """A tool message takes text only."""
    item = OpaquePart(dialect="openai_responses", value={"type": "custom_tool_call_output", "call_id": "call_1", "output": output})
    wanted = None if content is None else {"role": "tool", "tool_call_id": "call_1", "content": content}
    assert result_for_chat(item) == wanted


def test_a_conversation_from_chat_to_responses() -> None:
    """Tool, forced choice, call and result; nothing is reported."""
    body = {
        "model": "m",
        "tools": [CHAT_TOOL],
        "tool_choice": {"type": "custom", "custom": {"name": "sum"}},
        "messages": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        ],
    }
    encoded = RESPONSES.encode_request(CHAT.decode_request(body, {}))
    assert encoded.dropped == ()
    assert (encoded.body["tools"], encoded.body["tool_choice"]) == ([TOOL], {"type": "custom", "name": "sum"})
    assert encoded.body["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "call_1", "name": "sum", "input": "1+1"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "2"},
    ]


def test_a_conversation_from_responses_to_chat() -> None:
    """A function's call beside the custom one is in the same turn."""
    body = {
        "model": "m",
        "tools": [TOOL],
        "tool_choice": {"type": "custom", "name": "sum"},
        "input": [
            {"role": "user", "content": "?"},
            {"type": "function_call", "call_id": "call_0", "name": "f", "arguments": "{}"},
            ITEM,
            {"type": "function_call_output", "call_id": "call_0", "output": "f"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "2"},
        ],
    }
    encoded = CHAT.encode_request(RESPONSES.decode_request(body, {}))
    assert encoded.dropped == ()
    assert (encoded.body["tools"], encoded.body["tool_choice"]) == ([CHAT_TOOL], {"type": "custom", "custom": {"name": "sum"}})
    function = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert encoded.body["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [function, CALL]},
        {"role": "tool", "tool_call_id": "call_0", "content": "f"},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
    ]


def test_a_chat_stream_for_a_responses_client() -> None:
    """The SDK's streaming helper reads it: deltas of the input between the item's beginning and its end."""
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "sum", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "1+"}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "1"}}]},
    ]
    choices = [{"index": 0, "delta": delta} for delta in deltas] + [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
    chunks = [{"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [choice]} for choice in choices]
    sse = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    encoder = RESPONSES.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in decode_chunks(CHAT.stream_decoder(), sse))
    assert encoder.dropped == []
    events = events_of(stream)
    assert [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"] == ["1+", "1"]
    final = read_by_sdk(stream)
    assert final is not None
    assert [item.model_dump(include={"type", "call_id", "name", "input"}) for item in final.output] == [
        {"type": "custom_tool_call", "call_id": "call_1", "name": "sum", "input": "1+1"}
    ]


@pytest.mark.parametrize("deltas", [["1+", "1"], []])
def test_a_responses_stream_for_a_chat_client(deltas: list[str]) -> None:
    """Also of a server that sends the input at the end only."""
    at = {"output_index": 0}
    told = [{"type": "response.custom_tool_call_input.delta", **at, "item_id": "ctc_1", "delta": delta} for delta in deltas]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", **at, "item": {**ITEM, "input": "", "status": "in_progress"}},
        *told,
        {"type": "response.custom_tool_call_input.done", **at, "item_id": "ctc_1", "input": "1+1"},
        {"type": "response.output_item.done", **at, "item": ITEM},
        {"type": "response.completed", "response": {"id": "resp_1", "model": "m", "status": "completed", "output": [ITEM]}},
    ]
    sse = b"".join(b"data: " + json.dumps({**event, "sequence_number": n}).encode() + b"\n\n" for n, event in enumerate(events))
    encoder = CHAT.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in decode_all(RESPONSES.stream_decoder(), sse))
    assert encoder.dropped == []
    calls = [call for chunk in chunks_of(stream) for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert (calls[0]["id"], calls[0]["type"], calls[0]["custom"]["name"]) == ("call_1", "custom", "sum")
    assert "".join(call["custom"]["input"] for call in calls) == "1+1"
    assert all("function" not in call for call in calls)
    assert chunks_of(stream)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_an_empty_input_stays_empty() -> None:
    """Unlike a function's arguments it need not parse."""
    item = {**ITEM, "input": ""}
    events = CHAT.response_to_events(RESPONSES.decode_response(json.dumps({"id": "resp_1", "model": "m", "output": [item]}).encode()))
    encoder = CHAT.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in events)
    calls = [call for chunk in chunks_of(stream) for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert [call["custom"] for call in calls] == [{"name": "sum", "input": ""}]
