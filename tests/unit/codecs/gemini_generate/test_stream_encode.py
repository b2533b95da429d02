"""The stream, written."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.gemini_generate.stream_encode import KEEP_ALIVE, GeminiStreamEncoder
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockKind,
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
from proxy.core.response import Usage
from tests.support.gemini_samples import WHOLE_STREAMS, decode_all, encode_all, events_of, folded, sample

START = StreamStart(id="r", model="m")
NAMES = {"modelVersion": "m", "responseId": "r"}


def shown(*events: StreamEvent) -> tuple[list[Any], list[str]]:
    encoder = GeminiStreamEncoder()
    out = b"".join(encoder.encode(event) for event in (START, *events))
    return events_of(out), encoder.dropped


def parts(*events: StreamEvent) -> list[Any]:
    return [part for event in shown(*events)[0] for candidate in event["candidates"] for part in candidate["content"]["parts"]]


def test_text_then_one_last_event() -> None:
    """With finishReason and usage together; nothing is sent before there is something to show."""
    encoder = GeminiStreamEncoder()
    assert encoder.encode(START) + encoder.encode(BlockStart(block=0, kind="text")) + encoder.encode(TextDelta(block=0, text="")) == b""
    assert encoder.encode(TextDelta(block=0, text="Hé")).startswith(b'data: {"candidates":[{')
    rest = (BlockStop(block=0), Finish(), UsageUpdate(usage=Usage(input_tokens=3, output_tokens=2)), StreamPing())
    assert b"".join(encoder.encode(event) for event in rest) == b""
    assert events_of(encoder.encode(StreamEnd())) == [
        {
            "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            **NAMES,
        }
    ]
    assert encoder.encode(TextDelta(block=0, text="x")) == b""
    assert encoder.usage_chunk == b""


def test_a_call_waits_for_its_arguments() -> None:
    """Interleaved ones stay apart."""
    assert parts(
        BlockStart(block=0, kind="tool_use", id="a", name="f"),
        BlockStart(block=1, kind="tool_use", id="b", name="g"),
        ArgumentsDelta(block=0, json='{"x"'),
        ArgumentsDelta(block=1, json="{}"),
        ArgumentsDelta(block=0, json=":1}"),
        BlockStop(block=0),
        BlockStop(block=1),
    ) == [{"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}}, {"functionCall": {"id": "b", "name": "g", "args": {}}}]


def test_a_signature_without_text_is_the_next_parts() -> None:
    """One after text ends the thought; another provider's is wrapped; the last stands on an empty text."""
    thinking = BlockStart(block=0, kind="thinking")
    assert parts(
        thinking,
        TextDelta(block=0, text="hm"),
        SignatureDelta(block=0, signature="gemini:"),
        SignatureDelta(block=0, signature="Cp"),
        BlockStop(block=0),
        BlockStart(block=1, kind="thinking"),
        SignatureDelta(block=1, signature="gemini:Eq"),
        BlockStop(block=1),
        BlockStart(block=2, kind="tool_use", id="a", name="f"),
        BlockStop(block=2),
        BlockStart(block=3, kind="redacted_thinking", part=RedactedThinkingPart(data="Em")),
        BlockStop(block=3),
        BlockStart(block=4, kind="thinking"),
        SignatureDelta(block=4, signature="gemini:Zz"),
        BlockStop(block=4),
        Finish(),
        StreamEnd(),
    ) == [
        {"text": "hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "Cp"},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "Eq"},
        {"text": "", "thought": True, "thoughtSignature": "AGxsbS1lZGdlLXJlZGFjdGVkOkVt"},
        {"text": "", "thoughtSignature": "Zz"},
    ]


def test_own_parts_and_sources() -> None:
    """Go out as the API writes them, the sources last."""
    code = {"executableCode": {"code": "1"}}
    events, dropped = shown(
        BlockStart(block=0, kind="opaque", part=OpaquePart(dialect="gemini_generate", value=code)),
        BlockStop(block=0),
        BlockStart(block=1, kind="text"),
        CitationDelta(block=1, citation={"groundingMetadata": {"a": 1}}, dialect="gemini_generate"),
        LogprobsDelta(choice=0, logprobs={"content": [{"token": "a", "logprob": -1.0, "top_logprobs": []}]}),
        BlockStop(block=1),
        Finish(),
        StreamEnd(),
    )
    assert events[0]["candidates"][0]["content"]["parts"] == [code]
    assert events[1]["candidates"][0]["logprobsResult"]["chosenCandidates"] == [{"token": "a", "logProbability": -1.0}]
    assert events[2]["candidates"][0]["groundingMetadata"] == {"a": 1}
    assert dropped == []


def test_what_the_dialect_lacks_is_named_once() -> None:
    """Other dialects' own parts, citations, the stop sequence, arguments that were cut off."""
    opaque = OpaquePart(dialect="openai_chat", value={"type": "x"})
    encoder = GeminiStreamEncoder()
    for event in (
        StreamStart(id="r", model="m", extra={"system_fingerprint": "f", "createTime": "t"}),
        BlockStart(block=0, kind="opaque", part=opaque),
        OpaqueDelta(block=0, value={}, dialect="openai_chat"),
        BlockStart(block=1, kind="text"),
        CitationDelta(block=1, citation={}, dialect="openai_chat"),
        BlockStart(block=2, kind="tool_use", id="a", name="f"),
        ArgumentsDelta(block=2, json='{"a'),
        BlockStop(block=2),
        Finish(reason="stop_sequence", stop_sequence="X"),
    ):
        encoder.encode(event)
    assert encoder.dropped == ["system_fingerprint", "opaque", "citations", "tool_use.arguments", "stop_sequence"]


def test_a_failure_is_the_last_event() -> None:
    """As Google's SDKs look for it; no finishReason follows."""
    encoder = GeminiStreamEncoder()
    encoder.encode(START)
    out = encoder.encode(StreamFailed(error=ErrorInfo(status=503, message="no")))
    assert out == b'data: {"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}\n\n'
    assert encoder.encode(StreamEnd()) == b""


def test_a_second_start_counts_before_the_first_content() -> None:
    """Of the target that took over."""
    events, _ = shown(StreamStart(id="r2", model="m2"), BlockStart(block=0, kind="text"), TextDelta(block=0, text="a"), START)
    assert events[0]["responseId"] == "r2"


def test_keep_alives() -> None:
    """Blank lines between events, nothing inside an array."""
    assert GeminiStreamEncoder().keep_alive() == KEEP_ALIVE == b"\n\n"
    assert GeminiStreamEncoder(array=True).keep_alive() == b""


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_meaning_survives(name: str) -> None:
    """Decoding what was encoded gives the same answer."""
    events = decode_all(sample(name))
    assert folded(decode_all(encode_all(events))) == folded(events)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_an_array_holds_the_same_elements(name: str) -> None:
    """Valid JSON, closed at the end."""
    events = decode_all(sample(name))
    encoder = GeminiStreamEncoder(array=True)
    out = b"".join(encoder.encode(event) for event in events)
    assert json.loads(out) == events_of(encode_all(events))
    assert out.startswith(b"[{")
    assert b"},\n{" in out or len(json.loads(out)) == 1


def test_an_array_that_fails_is_closed() -> None:
    """Its last element is the error."""
    encoder = GeminiStreamEncoder(array=True)
    out = encoder.encode(START) + encoder.encode(BlockStart(block=0, kind="text")) + encoder.encode(TextDelta(block=0, text="a"))
    out += encoder.fail(ErrorInfo(status=502, message="no"))
    assert json.loads(out)[-1] == {"error": {"code": 502, "message": "no", "status": "UNAVAILABLE"}}


@st.composite
def sound_events(draw: st.DrawFn) -> list[StreamEvent]:
    """Any order that decoders may keep: blocks of several choices and kinds, parallel calls interleaved, usage anywhere."""
    events: list[StreamEvent] = [START]
    opened: list[BlockStart] = []
    kinds: list[BlockKind] = ["text", "thinking", "tool_use", "refusal"]
    for block in range(draw(st.integers(0, 5))):
        start = BlockStart(block=block, kind=draw(st.sampled_from(kinds)), choice=draw(st.sampled_from([0, 1])), id=f"c{block}", name="f")
        opened.append(start)
        events.append(start)
        for _ in range(draw(st.integers(0, 3))):
            current = draw(st.sampled_from(opened))
            if current.kind == "tool_use":
                continue
            events.append(TextDelta(block=current.block, text=draw(st.sampled_from(["", "a", "é\n"]))))
            if current.kind == "thinking" and draw(st.booleans()):
                events.append(SignatureDelta(block=current.block, signature="gemini:CpsB"))
        if start.kind == "tool_use":
            events += [ArgumentsDelta(block=block, json=piece) for piece in draw(st.sampled_from([[], ["{", "}"], ['{"a":1}'], ['{"a']]))]
        if draw(st.booleans()):
            events.append(UsageUpdate(usage=Usage(input_tokens=1, output_tokens=block)))
    events += [BlockStop(block=start.block) for start in draw(st.permutations(opened))]
    events += [Finish(choice=choice) for choice in sorted({start.choice for start in opened} | {0})]
    return [*events, StreamEnd()]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(sound_events())
def test_any_sound_events_make_a_sound_stream(events: list[StreamEvent]) -> None:
    """Every call whole and once, the text in order, one finishReason a candidate, in the last event and nowhere else."""
    chunks = events_of(encode_all(events))
    starts = {event.block: event for event in events if isinstance(event, BlockStart)}
    everything = [(c["index"], part) for chunk in chunks for c in chunk["candidates"] for part in c["content"]["parts"]]
    calls = [part["functionCall"]["id"] for _, part in everything if "functionCall" in part]
    assert sorted(calls) == sorted(start.id or "" for start in starts.values() if start.kind == "tool_use")
    for choice in {start.choice for start in starts.values()}:
        said = "".join(part["text"] for index, part in everything if index == choice and "text" in part and "thought" not in part)
        texts = [e for e in events if isinstance(e, TextDelta) and starts[e.block].choice == choice and starts[e.block].kind != "thinking"]
        assert said == "".join(event.text for event in texts)
    finishes = [[c["index"] for c in chunk["candidates"] if "finishReason" in c] for chunk in chunks]
    assert finishes[-1] == [event.choice for event in events if isinstance(event, Finish)]
    assert not any(finishes[:-1])
