"""Responses ↔ OpenAI chat and Responses ↔ Anthropic through the codecs alone, without HTTP: our own samples, and every recorded exchange.

The recorded cross-dialect cases have none of this dialect, so the recordings of each side are carried across and back: what an upstream
answered must say the same to the other side's client, and a request carried across and back must mean what it meant.
"""

import json
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import Codec, InvalidBody
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.core.events import StreamEnd
from proxy.core.messages import Part, RefusalPart, TextPart, ThinkingPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse
from tests.support.responses_samples import WHOLE_STREAMS, decode_all, folded, read_by_sdk, sample, sample_json
from tests.support.shared_corpus import corpus

RESPONSES = OpenAIResponsesCodec()
CHAT = OpenAIChatCodec()
ANTHROPIC = AnthropicMessagesCodec()
CODECS: dict[str, Codec] = {"openai_responses": RESPONSES, "openai_chat": CHAT, "anthropic_messages": ANTHROPIC}
PAIRS = [
    ("openai_responses", "openai_chat"),
    ("openai_responses", "anthropic_messages"),
    ("openai_chat", "openai_responses"),
    ("anthropic_messages", "openai_responses"),
]
MODELS: dict[str, Any] = {"openai_responses": Response, "openai_chat": ChatCompletion, "anthropic_messages": AnthropicMessage}


def said(response: ChatResponse) -> list[Any]:
    """What every dialect can carry of an answer's first choice: text and refusals, calls, why it ended, token counts."""
    choice = response.choices[0]
    calls = [(part.id, part.name, _arguments(part)) for part in choice.content if isinstance(part, ToolUsePart)]
    text = "".join(part.text for part in choice.content if isinstance(part, TextPart | RefusalPart))
    finish = {"stop_sequence": "stop", "other": "stop", "refusal": "stop", "pause": "stop", "context_length": "length"}.get(
        choice.finish, choice.finish
    )
    usage = response.usage
    counts = None if usage is None else (usage.prompt_tokens, usage.cache_read_tokens, usage.output_tokens)
    return [text, calls, "tool_calls" if calls and finish == "stop" else finish, counts]


def _arguments(part: ToolUsePart) -> Any:
    try:
        return json.loads(part.arguments or "{}")
    except ValueError:  # cut off by the token limit
        return {}


def _whole(exchange: dict[str, Any]) -> bool:
    return exchange["response"]["status"] == 200 and '"status": "queued"' not in exchange["response"]["body_text"]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_recorded_answers_say_the_same(client: str, upstream: str) -> None:
    """Decoded from the upstream's dialect, written in the client's, read again; the client's SDK takes it strictly."""
    seen = 0
    for exchange in corpus(upstream):
        if exchange["stream"] or not _whole(exchange):
            continue
        response = CODECS[upstream].decode_response(exchange["response"]["body_text"].encode())
        encoded = json.dumps(CODECS[client].encode_response(response).body)
        MODELS[client].model_validate_json(encoded, strict=True)
        got, expected = said(CODECS[client].decode_response(encoded.encode())), said(response)
        assert got[:2] == expected[:2], exchange["id"]
        assert got[3] in (expected[3], (0, 0, 0) if expected[3] is None else None), exchange["id"]
        assert _same_finish(got[2], expected[2], response), exchange["id"]
        seen += 1
    assert seen > 30


def _same_finish(got: str, expected: str, response: ChatResponse) -> bool:
    """A refusal is a finish reason of its own at Anthropic, content at OpenAI."""
    refused = response.choices[0].finish in ("refusal", "content_filter") or any(
        isinstance(part, RefusalPart) for part in response.choices[0].content
    )
    return got == expected or (refused and {got, expected} <= {"stop", "content_filter"})


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_recorded_streams_say_the_same(client: str, upstream: str) -> None:
    """Event by event; where the client speaks Responses its SDK reads the stream."""
    seen = 0
    for exchange in corpus(upstream):
        if not exchange["stream"] or not _whole(exchange):
            continue
        events = decode_all(CODECS[upstream].stream_decoder(), exchange["response"]["body_text"].encode())
        assert events[-1] == StreamEnd()
        encoder = CODECS[client].stream_encoder()
        out = b"".join(encoder.encode(event) for event in events)
        out += CODECS[client].finish_stream(encoder.usage_chunk, include_usage=True, metadata=None)
        if client == "openai_responses":
            assert read_by_sdk(out) is not None, exchange["id"]
        got, expected = said(folded(decode_all(CODECS[client].stream_decoder(), out))), said(folded(events))
        assert got[:2] == expected[:2], exchange["id"]
        assert got[3] in (expected[3], (0, 0, 0) if expected[3] is None else None), exchange["id"]
        assert _same_finish(got[2], expected[2], folded(events)), exchange["id"]
        seen += 1
    assert seen > 15


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_recorded_errors_keep_their_words(client: str, upstream: str) -> None:
    """Status and message, in the client's error object."""
    for exchange in corpus(upstream):
        answer = exchange["response"]
        if answer["status"] >= 400:
            error = CODECS[upstream].decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
            assert json.loads(CODECS[client].encode_error(error))["error"]["message"] == error.message
            assert error.status == answer["status"]


def asked(request: ChatRequest) -> list[Any]:
    """What every dialect can carry of a request: roles with texts, calls and results, tools, the limits."""
    turns: list[Any] = []
    for message in request.messages:
        for part in message.content:
            entry = _said_by(part, "system" if message.role == "developer" else message.role)
            if entry is not None and turns and turns[-1][0] == entry[0] == "text" and turns[-1][1] == entry[1]:
                turns[-1] = ("text", entry[1], turns[-1][2] + entry[2])
            elif entry is not None:
                turns.append(entry)
    tools = [(tool.name, tool.description or "", tool.parameters) for tool in request.tools if tool.opaque is None]
    return [turns, tools, request.stream]


def _said_by(part: Part, role: str) -> tuple[Any, ...] | None:
    if isinstance(part, ToolUsePart):  # Anthropic's ids have no colon
        return ("call", part.id.replace(":", "_"), part.name, json.loads(part.arguments or "{}"))
    if isinstance(part, ToolResultPart):
        return (
            "result",
            part.tool_use_id.replace(":", "_"),
            "".join("".join(item.text.split()) for item in part.content if isinstance(item, TextPart)),
        )
    if isinstance(part, TextPart | RefusalPart) and part.text.strip():
        return ("text", role, "".join(part.text.split()))
    return None


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_recorded_requests_mean_the_same(client: str, upstream: str) -> None:
    """Written in the upstream's dialect and read there as the upstream would; what is missing was reported."""
    seen = 0
    for exchange in corpus(client):
        try:
            request = CODECS[client].decode_request(exchange["request"]["body"], {})
            encoded = CODECS[upstream].encode_request(request)
        except InvalidBody:
            assert exchange["response"]["status"] >= 400, exchange["id"]
            continue
        there = CODECS[upstream].decode_request(json.loads(json.dumps(encoded.body)), {})
        (turns, tools, stream), (expected, wanted, asked_stream) = asked(there), asked(request)
        assert stream == asked_stream, exchange["id"]
        assert [entry[:2] for entry in tools] == [entry[:2] for entry in wanted], exchange["id"]
        if not any(path.startswith(("messages", "input", "system")) for path in encoded.dropped):
            assert _sorted(turns) == _sorted(expected), exchange["id"]
        seen += 1
    assert seen > 60


def _sorted(turns: list[Any]) -> list[str]:
    """Without order: a turn's text, calls and results have an order of their own in each dialect."""
    joined = {role: "".join(turn[2] for turn in turns if turn[:2] == ("text", role)) for role in ("system", "user", "assistant")}
    return sorted(str(turn) for turn in turns if turn[0] != "text") + [joined[role] for role in sorted(joined)]


def test_a_full_request_at_openai_chat() -> None:
    """One assistant message for the items of a turn; what only Responses has is reported by its path."""
    encoded = CHAT.encode_request(RESPONSES.decode_request(sample_json("request_full.json"), {}))
    messages = encoded.body["messages"]
    roles = ["system", "developer", "user", "assistant", "tool", "tool", "user", "assistant", "tool", "user"]
    assert [message["role"] for message in messages] == roles
    assert [call["id"] for call in messages[3]["tool_calls"]] == ["call_01", "call_02"]
    assert messages[3]["content"] == [{"type": "text", "text": "A lake."}, {"type": "text", "text": "One moment."}]
    assert messages[3]["refusal"] == "No names."
    assert encoded.body["max_completion_tokens"] == 800
    assert (encoded.body["verbosity"], encoded.body["prompt_cache_key"], encoded.body["reasoning_effort"]) == ("low", "k", "low")
    assert encoded.body["response_format"]["json_schema"]["name"] == "lake"
    assert "store" not in encoded.dropped  # false is what chat does anyway
    assert set(encoded.dropped) == {
        "input[1].content[3]",
        "input[1].content[5]",
        "input[1].content[5].detail",
        "input[2]",
        "input[3]",
        "input[4].phase",
        "input[4].content[0].annotations",
        "input[7].namespace",
        "input[9].output[1]",
        "input[12]",
        "input[13]",
        "input[14]",
        "tools[1].defer_loading",
        *(f"tools[{i}]" for i in range(2, 7)),
        "max_tool_calls",
        "metadata",
        "include",
        "reasoning.summary",
        "truncation",
        "previous_response_id",
        "stream_options",
        "novel",
    }


def test_a_full_request_at_anthropic() -> None:
    """Turns alternate, results stand first; what is lost is reported by its path."""
    encoded = ANTHROPIC.encode_request(RESPONSES.decode_request({**sample_json("request_full.json"), "model": "claude-sonnet-4-5"}, {}))
    assert [message["role"] for message in encoded.body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in encoded.body["messages"][1]["content"]] == ["text", "text", "text", "tool_use", "tool_use"]
    assert [block["type"] for block in encoded.body["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    dropped = set(encoded.dropped)
    assert {"input[2]", "input[3]", "input[10]", "input[11]", "input[14]"} <= dropped
    assert {"input[1].content[1].detail", "input[1].content[3]", "input[1].content[7]"} <= dropped
    assert {"previous_response_id", "truncation", "text.verbosity", "include", "include[1]", "tool_choice", "metadata"} <= dropped
    assert not any(".image_url." in path or path.endswith("].content[0].content[0]") for path in dropped)


def test_what_only_a_keeping_upstream_can_do() -> None:
    """Is dropped elsewhere, and said."""
    body = {"model": "m", "input": "hi", "store": True, "previous_response_id": "resp_1", "conversation": "conv_1", "background": True}
    request = RESPONSES.decode_request(body, {})
    for codec in (CHAT, ANTHROPIC):
        encoded = codec.encode_request(request)
        assert set(encoded.dropped) == {"store", "previous_response_id", "conversation", "background"}
        assert not encoded.body.keys() & body.keys() - {"model"}


def test_anthropic_thinking_survives_a_responses_client() -> None:
    """Signature and redacted thinking come back to Anthropic with the next turn, as its tool use demands."""
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "Look it up.", "signature": "EqQBCg=="},
            {"type": "redacted_thinking", "data": "zz"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    shown = RESPONSES.encode_response(ANTHROPIC.decode_response(json.dumps(answer).encode())).body
    items = [{"role": "user", "content": "hi"}, *shown["output"], {"type": "function_call_output", "call_id": "toolu_1", "output": "r"}]
    encoded = ANTHROPIC.encode_request(RESPONSES.decode_request({"model": "claude-sonnet-4-5", "input": items}, {}))
    assert encoded.body["messages"][1]["content"] == answer["content"]
    assert encoded.dropped == ()


def test_encrypted_reasoning_survives_an_anthropic_client() -> None:
    """And is never sent to Anthropic, which would refuse it."""
    response = RESPONSES.decode_response(sample("response_full.json"))
    shown = ANTHROPIC.encode_response(response).body
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": shown["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": "r"} for i in ("call_Lx01", "call_Lx02")]},
    ]
    request = ANTHROPIC.decode_request({"model": "m", "max_tokens": 50, "messages": turns}, {})
    items = RESPONSES.encode_request(request).body["input"]
    reasoning = next(item for item in items if item.get("type") == "reasoning")
    assert (reasoning["id"], reasoning["encrypted_content"]) == ("rs_5f", "gAAAAABo:x/y==")
    back = RESPONSES.decode_request({"model": "m", "input": items}, {})
    assert any(isinstance(part, ThinkingPart) for message in back.messages for part in message.content)
    encoded = ANTHROPIC.encode_request(back)
    assert not any(block["type"] == "thinking" for turn in encoded.body["messages"] for block in turn["content"] if isinstance(block, dict))
    assert encoded.dropped[0] == "input[1]"


def test_citations_between_the_openai_dialects() -> None:
    """Nested in chat, flat in Responses, both ways."""
    shown = CHAT.encode_response(RESPONSES.decode_response(sample("response_full.json"))).body
    (annotation,) = shown["choices"][0]["message"]["annotations"]
    assert annotation["url_citation"]["url"] == "https://example.com/t"
    back = RESPONSES.encode_response(CHAT.decode_response(json.dumps(shown).encode())).body
    message = next(item for item in back["output"] if item["type"] == "message")
    assert message["content"][0]["annotations"] == sample_json("response_full.json")["output"][3]["content"][0]["annotations"]
    encoder = CHAT.stream_encoder()
    out = b"".join(encoder.encode(event) for event in decode_all(RESPONSES.stream_decoder(), sample("stream_builtin.sse")))
    assert b'"url_citation":{"start_index":0' in out


@pytest.mark.parametrize("name", WHOLE_STREAMS)
@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages"])
def test_our_streams_say_the_same(name: str, client: str) -> None:
    """To a client of another dialect."""
    events = decode_all(RESPONSES.stream_decoder(), sample(name))
    encoder = CODECS[client].stream_encoder()
    out = b"".join(encoder.encode(event) for event in events)
    out += CODECS[client].finish_stream(encoder.usage_chunk, include_usage=True, metadata=None)
    got, expected = said(folded(decode_all(CODECS[client].stream_decoder(), out))), said(folded(events))
    assert (got[:2], got[3]) == (expected[:2], expected[3])
