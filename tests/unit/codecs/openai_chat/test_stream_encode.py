"""Canonical events → chunks for the client."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.codecs.openai_chat.stream_encode import OpenAIChatStreamEncoder
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RedactedThinkingPart
from proxy.core.response import ChatResponse, Usage
from tests.support.openai_samples import WHOLE_STREAMS, chunks_of, decode_all, sample, sample_json

CODEC = OpenAIChatCodec(now=lambda: 77.9)
START = StreamStart(id="msg_1", model="claude", extra={"container": 1})


def encoder(*, legacy: bool = False) -> OpenAIChatStreamEncoder:
    request = CODEC.decode_request(sample_json("request_legacy.json"), {}) if legacy else None
    return CODEC.stream_encoder(request)


def encode(*events: StreamEvent, with_start: bool = True, legacy: bool = False) -> list[Any]:
    """The chunks' JSON."""
    own = encoder(legacy=legacy)
    return chunks_of(b"".join(own.encode(event) for event in ((START, *events) if with_start else events)))


def dropped(*events: StreamEvent) -> list[str]:
    own = encoder()
    for event in events:
        own.encode(event)
    return own.dropped


def folded(events: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator.response()


def deltas(chunks: list[Any]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def test_text() -> None:
    """Role first, then text, then the finish; head constant; nothing before there is something to show."""
    own = encoder()
    assert own.encode(START) + own.encode(BlockStart(block=0, kind="text")) == b""
    out = b"".join(
        own.encode(e) for e in (TextDelta(block=0, text="Hé"), TextDelta(block=0, text='"'), BlockStop(block=0), Finish(), StreamEnd())
    )
    chunks = chunks_of(out)
    assert [chunk["choices"][0] for chunk in chunks] == [
        {"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}, "logprobs": None, "finish_reason": None},
        {"index": 0, "delta": {"content": "Hé"}, "logprobs": None, "finish_reason": None},
        {"index": 0, "delta": {"content": '"'}, "logprobs": None, "finish_reason": None},
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"},
    ]
    heads = {(c["id"], c["object"], c["created"], c["model"]) for c in chunks}
    assert heads == {("msg_1", "chat.completion.chunk", 77, "claude")}
    assert out.endswith(b"\n\n")


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_sdk_accepts_every_chunk(name: str) -> None:
    """The real types, strictly."""
    own = encoder()
    out = b"".join(own.encode(event) for event in decode_all(CODEC.stream_decoder(), sample(name)))
    for chunk in chunks_of(out + CODEC.finish_stream(own.usage_chunk, include_usage=True, metadata=None))[:-1]:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                if call.get("type") == "custom":
                    call["type"] = "function"  # the SDK's type of a streamed call knows no other
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_meaning_survives(name: str) -> None:
    """Decoding what was encoded gives the same answer; what was missing has been filled in."""
    events = decode_all(CODEC.stream_decoder(), sample(name))
    own = encoder()
    out = b"".join(own.encode(event) for event in events) + CODEC.finish_stream(own.usage_chunk, include_usage=True, metadata=None)
    first, second = folded(events), folded(decode_all(CODEC.stream_decoder(), out))
    assert second.choices == folded([_filled(event) for event in events]).choices
    assert (second.model, second.created, second.service_tier, second.extra) == (
        first.model,
        first.created,
        first.service_tier,
        first.extra,
    )
    assert own.dropped == []
    if first.usage is not None and second.usage is not None and not first.usage.incomplete:
        assert second.usage == first.usage


def _filled(event: StreamEvent) -> StreamEvent:
    """The third call of stream_tools has no arguments, which come out as an empty object."""
    if isinstance(event, BlockStop) and event.block == 4:
        return ArgumentsDelta(block=4, json="{}")
    return event


def test_stream_start_counts_until_something_is_shown() -> None:
    """An attempt that died before its first content leaves no trace; a later one changes nothing."""
    other = StreamStart(id="msg_2", model="gpt", created=5, service_tier="standard")
    chunks = encode(BlockStart(block=0, kind="text"), other, TextDelta(block=0, text="a"), START, Finish())
    assert {(c["id"], c["model"], c["created"], c["service_tier"]) for c in chunks} == {("msg_2", "gpt", 5, "default")}


def test_missing_id_is_invented() -> None:
    """Clients need one."""
    (role, _) = encode(StreamStart(id="", model="m"), Finish(), with_start=False)
    assert role["id"].startswith("chatcmpl-")


def test_thinking_and_refusal() -> None:
    """`reasoning_content` as DeepSeek has it; a refusal shown as such ends with a plain stop."""
    chunks = encode(
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="t"),
        SignatureDelta(block=0, signature="s"),
        BlockStop(block=0),
        BlockStart(block=1, kind="refusal"),
        TextDelta(block=1, text="no"),
        BlockStop(block=1),
        Finish(reason="refusal"),
    )
    assert deltas(chunks) == [{"role": "assistant", "content": None, "refusal": None}, {"reasoning_content": "t"}, {"refusal": "no"}, {}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_parallel_calls() -> None:
    """Indices count per choice; arguments may interleave; a call without any gets an empty object."""
    chunks = encode(
        BlockStart(block=0, kind="tool_use", id="a", name="f"),
        BlockStart(block=1, kind="tool_use", id="b", name="g"),
        ArgumentsDelta(block=1, json="{}"),
        ArgumentsDelta(block=0, json=""),
        BlockStop(block=0),
        BlockStop(block=1),
        Finish(reason="stop"),
    )
    assert deltas(chunks)[1:] == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_legacy_client_gets_function_call() -> None:
    """One who asked with `functions`; a second call has no place."""
    call = BlockStart(block=0, kind="tool_use", id="a", name="f")
    chunks = encode(
        call,
        ArgumentsDelta(block=0, json='{"a"'),
        ArgumentsDelta(block=0, json=":1}"),
        BlockStop(block=0),
        BlockStart(block=1, kind="tool_use", id="b", name="g"),
        ArgumentsDelta(block=1, json="{}"),
        BlockStop(block=1),
        Finish(reason="tool_calls"),
        legacy=True,
    )
    assert deltas(chunks)[1:] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a"'}},
        {"function_call": {"arguments": ":1}"}},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_logprobs() -> None:
    """In a chunk of their own."""
    chunks = encode(LogprobsDelta(choice=1, logprobs={"content": []}))
    assert chunks[1]["choices"] == [{"index": 1, "delta": {}, "logprobs": {"content": []}, "finish_reason": None}]


def test_what_cannot_be_shown_is_named_once() -> None:
    """Signatures, redacted thinking, foreign blocks, citations and extras, the stop sequence."""
    foreign = OpaquePart(dialect="anthropic_messages", value={"type": "server_tool_use"})
    assert dropped(
        START,
        BlockStart(block=0, kind="thinking"),
        SignatureDelta(block=0, signature="s"),
        SignatureDelta(block=0, signature="t"),
        BlockStart(block=1, kind="redacted_thinking", part=RedactedThinkingPart(data="x")),
        BlockStart(block=2, kind="opaque", part=foreign),
        OpaqueDelta(block=2, value={}, dialect="anthropic_messages"),
        TextDelta(block=2, text="x"),
        BlockStart(block=3, kind="text"),
        CitationDelta(block=3, citation={}, dialect="anthropic_messages"),
        BlockStart(block=4, kind="opaque", part=OpaquePart(dialect="openai_chat", value={"type": "unheard_of"})),
        ArgumentsDelta(block=3, json="{}"),
        Finish(reason="stop_sequence", stop_sequence="END"),
    ) == ["container", "signature", "redacted_thinking", "opaque", "text of opaque", "citations", "stop_sequence"]


def test_usage_is_held_back() -> None:
    """The last one, as the event for those who asked."""
    own = encoder()
    out = b"".join(
        own.encode(e) for e in (START, UsageUpdate(usage=Usage(input_tokens=1)), UsageUpdate(usage=Usage(input_tokens=2)), StreamEnd())
    )
    assert out == b""
    (chunk,) = chunks_of(own.usage_chunk)
    assert (chunk["choices"], chunk["usage"]["prompt_tokens"], chunk["id"]) == ([], 2, "msg_1")


def test_silent_events() -> None:
    """A ping shows nothing; a comment keeps the connection alive."""
    assert encoder().encode(StreamPing()) == b""
    assert encoder().keep_alive() == b": keep-alive\n\n"


def test_failure_is_in_band() -> None:
    """An error object, and no `[DONE]`."""
    error = ErrorInfo(status=502, message="boom")
    expected = b'data: {"error":{"message":"boom","type":"api_error","param":null,"code":null}}\n\n'
    assert encoder().fail(error) == encoder().encode(StreamFailed(error=error)) == expected


def test_a_gemini_calls_signature_stands_in_extra_content() -> None:
    """On the call's first chunk; any other signature is named."""
    own = encoder()
    out = own.encode(StreamStart(id="r", model="m"))
    for block, signature in ((0, "gemini:CpsB"), (2, "EqQB")):
        out += own.encode(BlockStart(block=block, kind="thinking"))
        out += own.encode(SignatureDelta(block=block, signature=signature)) + own.encode(BlockStop(block=block))
        out += own.encode(BlockStart(block=block + 1, kind="tool_use", id=f"c{block}", name="f"))
        out += own.encode(BlockStop(block=block + 1))
        assert own.dropped == ([] if block == 0 else ["signature"])
    calls = [call for delta in deltas(chunks_of(out)) for call in delta.get("tool_calls", ()) if "id" in call]
    assert [call.get("extra_content") for call in calls] == [{"google": {"thought_signature": "CpsB"}}, None]


@pytest.mark.parametrize("text", ["", "a"])
def test_a_signature_without_a_call_is_named(text: str) -> None:
    """That of text, or of the end."""
    own = encoder()
    start = StreamStart(id="r", model="m")
    for event in (start, BlockStart(block=0, kind="thinking"), SignatureDelta(block=0, signature="gemini:Cp"), BlockStop(block=0)):
        own.encode(event)
    own.encode(BlockStart(block=1, kind="text"))
    own.encode(TextDelta(block=1, text=text or "x")) if text else own.encode(Finish())
    assert own.dropped == ["signature"]
