"""Contract L, translation, for the codec `anthropic_messages` (sans-IO; the wire part of the clause is tested with the gateway's lanes).

What clients of the dialect receive is judged by the anthropic SDK itself: its strict models and its stream accumulation.
"""

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.events import ArgumentsDelta, BlockStart, BlockStop, Finish, StreamEnd, StreamEvent, StreamStart, TextDelta, UsageUpdate
from proxy.core.response import Usage

WIRE = Path(__file__).parents[1] / "wire" / "anthropic_messages"
ANTHROPIC, OPENAI = AnthropicMessagesCodec(), OpenAIChatCodec()


def read_by_sdk(stream: bytes) -> Message:
    """What `client.messages.stream(…)` makes of the bytes, and strictly valid."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=stream))
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(api_key="k", http_client=http, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "u"}]) as events,
    ):
        final = events.get_final_message()
    return Message.model_validate(final.to_dict())


def translated(chunks: list[dict[str, Any]]) -> tuple[bytes, list[str]]:
    """An OpenAI stream as an Anthropic client gets it, and what was dropped."""
    decoder, encoder = OPENAI.stream_decoder(), ANTHROPIC.stream_encoder()
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    events = [*decoder.feed(body), *decoder.close()]
    return b"".join(encoder.encode(event) for event in events), encoder.dropped


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt", "choices": choices, **fields}


def call(index: int, arguments: str, **named: str) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": named["name"]} if named else {})}
    return {"tool_calls": [{"index": index, **({"id": named["id"], "type": "function"} if named else {}), "function": function}]}


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse"])
def test_sdk_reads_the_translated_stream_as_the_original(name: str) -> None:
    """Through the canonical events and back, the SDK's final message is the same but for the opening counts."""
    body = (WIRE / name).read_bytes()
    encoder = ANTHROPIC.stream_encoder()
    again = b"".join(encoder.encode(event) for event in ANTHROPIC.stream_decoder().feed(body))
    want, got = read_by_sdk(body), read_by_sdk(again)
    assert got.content == want.content
    assert (got.id, got.model, got.stop_reason, got.stop_sequence) == (want.id, want.model, want.stop_reason, want.stop_sequence)
    for field in ("input_tokens", "output_tokens", "cache_read_input_tokens", "server_tool_use"):
        assert getattr(got.usage, field) == getattr(want.usage, field)


def test_sdk_reads_parallel_calls_of_openai_apart() -> None:
    """Interleaved pieces arrive in their own blocks, with their ids, arguments that parse, the right stop reason and the usage."""
    stream, dropped = translated(
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Two "}),
            chunk({"content": "calls."}),
            chunk(call(0, "", id="call_a", name="plus")),
            chunk(call(1, "", id="call_b", name="minus")),
            chunk(call(0, '{"a": 1,')),
            chunk(call(1, '{"b"')),
            chunk(call(0, ' "c": 2}')),
            chunk(call(1, ": 3}")),
            chunk({}, "tool_calls"),
            chunk(usage={"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 4}}),
        ]
    )
    message = read_by_sdk(stream)
    assert [block.to_dict() for block in message.content] == [
        {"type": "text", "text": "Two calls."},
        {"type": "tool_use", "id": "call_a", "name": "plus", "input": {"a": 1, "c": 2}},
        {"type": "tool_use", "id": "call_b", "name": "minus", "input": {"b": 3}},
    ]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (6, 4, 7)
    assert dropped == []


def test_only_the_first_choice_is_carried_and_the_loss_reported() -> None:
    """An Anthropic answer has one."""
    stream, dropped = translated([chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop"), chunk({}, "stop", 1)])
    assert [block.to_dict() for block in read_by_sdk(stream).content] == [{"type": "text", "text": "a"}]
    assert dropped == ["choices[1]"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["text", "call_a", "call_b"]), max_size=12), st.booleans())
def test_sdk_accepts_any_interleaving(order: list[str], stops: bool) -> None:
    """Whatever order the pieces come in, each block is whole."""
    blocks = {name: place for place, name in enumerate(dict.fromkeys(order))}
    events: list[StreamEvent] = [StreamStart(id="i", model="m")]
    begun: set[str] = set()
    for name in order:
        if name not in begun:
            kind: Any = "text" if name == "text" else "tool_use"
            events.append(BlockStart(block=blocks[name], kind=kind, id=name, name="f"))
            events += [] if kind == "text" else [ArgumentsDelta(block=blocks[name], json='{"a": "')]
            begun.add(name)
        events.append(TextDelta(block=blocks[name], text="x") if name == "text" else ArgumentsDelta(block=blocks[name], json="y"))
    events += [ArgumentsDelta(block=blocks[name], json='"}') for name in blocks if name != "text"]
    events += [BlockStop(block=block) for block in blocks.values()] if stops else []
    encoder = ANTHROPIC.stream_encoder()
    tail: list[StreamEvent] = [Finish(), UsageUpdate(usage=Usage(output_tokens=3)), StreamEnd()]
    message = read_by_sdk(b"".join(encoder.encode(event) for event in [*events, *tail]))
    shown = {getattr(block, "id", "text"): getattr(block, "input", None) or block.to_dict().get("text") for block in message.content}
    assert shown == {name: "x" * order.count(name) if name == "text" else {"a": "y" * order.count(name)} for name in blocks}


def test_openai_request_as_anthropic_s() -> None:
    """Instructions apart, calls and results in turns, settings under their names; nothing lost, nothing reported."""
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "done"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "stop": "END",
        "user": "u",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    encoded = ANTHROPIC.encode_request(OPENAI.decode_request(body, {}))
    assert encoded.body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": "s",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "done"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "stream": True,
    }
    assert encoded.dropped == ()


def test_what_an_openai_request_loses_is_reported() -> None:
    """By the client's own JSON paths."""
    body = {
        "model": "claude-sonnet-4-5",
        "messages": [
            {"role": "user", "name": "ann", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
            {"role": "user", "content": "u"},
            {"role": "system", "content": "late"},
        ],
        "n": 2,
        "seed": 1,
        "temperature": 1.5,
        "logit_bias": {"1": 1},
        "response_format": {"type": "json_object"},
        "verbosity": "low",
    }
    dropped = ANTHROPIC.encode_request(OPENAI.decode_request(body, {})).dropped
    assert set(dropped) == {
        "messages[0].name",
        "messages[0].content[0]",
        "messages[0]",
        "messages[2]",
        "n",
        "seed",
        "temperature",
        "logit_bias",
        "response_format",
        "verbosity",
    }


def test_anthropic_request_at_an_openai_upstream_and_its_answer() -> None:
    """The full sample is carried as far as OpenAI goes; what is not, is reported below the client's paths."""
    request = ANTHROPIC.decode_request(json.loads((WIRE / "request_full.json").read_bytes()), {})
    encoded = OPENAI.encode_request(request)
    assert [message["role"] for message in encoded.body["messages"]][:4] == ["system", "user", "assistant", "tool"]
    assert {"messages[2].content[8]", "messages[2].content[9]", "tools[2]", "thinking", "container", "mcp_servers"} <= set(encoded.dropped)


@pytest.mark.parametrize("name", ["message_text.json", "message_tools.json"])
def test_answers_pass_the_sdk_s_strict_parse_after_a_round_trip(name: str) -> None:
    """Anthropic's answer through OpenAI's form and back is still a message."""
    there = OPENAI.encode_response(ANTHROPIC.decode_response((WIRE / name).read_bytes()))
    back = ANTHROPIC.encode_response(OPENAI.decode_response(json.dumps(there.body).encode()))
    message = Message.model_validate(back.body, strict=True)
    want = json.loads((WIRE / name).read_bytes())
    assert message.stop_reason == want["stop_reason"]
    assert [b.to_dict() for b in message.content if b.type == "tool_use"] == [b for b in want["content"] if b["type"] == "tool_use"]
    assert message.usage.output_tokens == want["usage"]["output_tokens"]
