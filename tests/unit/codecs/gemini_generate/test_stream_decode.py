"""The stream, read."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate.stream_decode import GeminiStreamDecoder, parse_event
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Finish,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, RedactedThinkingPart, TextPart, ThinkingPart, ToolUsePart
from tests.support.gemini_samples import STREAMS, WHOLE_STREAMS, decode_all, folded, sample


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def said(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, **candidate}], "responseId": "r", "modelVersion": "m"}


def test_text() -> None:
    """One block over all events; the end comes with the end of the body."""
    decoder = GeminiStreamDecoder()
    events = decoder.feed(sample("stream_text.sse"))
    assert events[0] == StreamStart(id="r-s", model="gemini-2.5-flash")
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo, wörld", "."]
    assert not any(isinstance(event, BlockStop | Finish | StreamEnd) for event in events)
    assert decoder.close() == [BlockStop(block=0), Finish(), StreamEnd()]
    assert decoder.close() == []
    assert decoder.feed(sample("stream_text.sse")) == []


def test_usage_is_cumulative() -> None:
    """The last one holds."""
    usages = [event.usage for event in decode_all(sample("stream_text.sse")) if isinstance(event, UsageUpdate)]
    assert [usage.output_tokens for usage in usages] == [1, 2, 4]
    assert (usages[-1].input_tokens, usages[-1].cache_read_tokens) == (6, 4)


def test_thoughts_calls_code_and_signatures() -> None:
    """Each in blocks of its own."""
    choice = folded(decode_all(sample("stream_tools.sse"))).choices[0]
    thought, text, signature, first, second, code, last, sources = choice.content
    assert thought == ThinkingPart(text="Two calls.")
    assert text == TextPart(text="Calling.")
    assert signature == ThinkingPart(text="", signature="gemini:CpsBAb4=")
    assert isinstance(first, ToolUsePart)
    assert isinstance(second, ToolUsePart)
    assert (first.arguments, second.arguments, first.id == second.id) == ('{"at":"a"}', '{"at":"b"}', False)
    assert isinstance(code, OpaquePart)
    assert last == ThinkingPart(text="", signature="gemini:EtQJ")
    assert isinstance(sources, TextPart)
    assert sources.citations == ({"groundingMetadata": {"webSearchQueries": ["a"]}},)
    assert choice.finish == "tool_calls"


def test_candidates_end_apart() -> None:
    """Each with its own finish."""
    response = folded(decode_all(sample("stream_candidates.sse")))
    assert [(choice.index, choice.finish) for choice in response.choices] == [(0, "stop"), (1, "length")]
    assert [choice.content[0] for choice in response.choices] == [TextPart(text="one two"), TextPart(text="uno")]


def test_a_blocked_prompt_is_whole() -> None:
    """A content filter, not a truncation."""
    events = decode_all(sample("stream_blocked.sse"))
    assert events[-2:] == [Finish(reason="content_filter"), StreamEnd()]
    assert isinstance(events[0], StreamStart)
    assert events[0].extra == {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}


def test_an_error_ends_the_stream() -> None:
    """With the provider's status; nothing follows."""
    decoder = GeminiStreamDecoder()
    events = decoder.feed(sample("stream_error.sse") + stream(said({"text": "x"}, finishReason="STOP")))
    assert isinstance(events[-1], StreamFailed)
    assert (events[-1].error.status, events[-1].error.code, events[-1].error.retryable) == (503, "UNAVAILABLE", True)
    assert decoder.close() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        stream(said({"text": "a"})),
        stream(said({"text": "a"}, finishReason="STOP"))[:-1],
        stream(said({"text": "a"}, index=0, finishReason="STOP"), said({"text": "b"}, index=1)),
        stream({"usageMetadata": {"promptTokenCount": 1}}),
        stream(said({"text": "a"}), {"promptFeedback": {"blockReason": "SAFETY"}}),
    ],
)
def test_without_every_finish_reason_it_is_truncated(body: bytes) -> None:
    """However cleanly the body ends."""
    assert not any(isinstance(event, StreamEnd) for event in decode_all(body))


def test_older_models_repeat_the_reason() -> None:
    """Text after a finishReason still belongs to the answer."""
    events = decode_all(stream(said({"text": "a"}, finishReason="STOP"), said({"text": "b"}, finishReason="STOP")))
    assert folded(events).choices[0].content == (TextPart(text="ab"),)
    assert sum(isinstance(event, Finish) for event in events) == 1


def test_a_signature_signs_the_thought_that_it_ends() -> None:
    """But one on another part has a block of its own."""
    thought = {"text": "hm", "thought": True}
    end = {"text": "", "thought": True, "thoughtSignature": "Cp"}
    call = {"functionCall": {"name": "f"}, "thoughtSignature": "Eq"}
    parts = folded(decode_all(stream(said(thought), said(end), said(thought), said(call, finishReason="STOP")))).choices[0].content
    assert parts[:3] == (
        ThinkingPart(text="hm", signature="gemini:Cp"),
        ThinkingPart(text="hm"),
        ThinkingPart(text="", signature="gemini:Eq"),
    )


def test_another_providers_redacted_thinking() -> None:
    """As a gateway in between may have wrapped it."""
    wrapped = "AGxsbS1lZGdlLXJlZGFjdGVkOkVt"
    part = {"text": "", "thought": True, "thoughtSignature": wrapped}
    assert folded(decode_all(stream(said(part, finishReason="STOP")))).choices[0].content == (RedactedThinkingPart(data="Em"),)


@pytest.mark.parametrize("name", STREAMS)
def test_cut_anywhere(name: str) -> None:
    """The same events, whatever the chunks."""
    body = sample(name)
    whole = decode_all(body)
    for at in range(len(body) + 1):
        assert decode_all(body, at) == whole
    decoder = GeminiStreamDecoder()
    assert [event for byte in body for event in decoder.feed(bytes([byte]))] + decoder.close() == whole


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_the_order_of_events(name: str) -> None:
    """One start, blocks numbered from 0 with deltas inside them, one finish a choice, the end last."""
    events = decode_all(sample(name))
    assert isinstance(events[0], StreamStart)
    assert events[-1] == StreamEnd()
    assert blocks_are_sound(events)


def blocks_are_sound(events: list[StreamEvent]) -> bool:
    opened: set[int] = set()
    count = 0
    for event in events:
        if isinstance(event, BlockStart):
            assert event.block == count
            count += 1
            opened.add(event.block)
        elif isinstance(event, BlockStop):
            opened.remove(event.block)
        elif isinstance(event, TextDelta | ArgumentsDelta | SignatureDelta):
            assert event.block in opened
    return not opened


@pytest.mark.parametrize(
    "data",
    [b"x", b"[]", b"5", b'{"candidates":5}', b'{"candidates":[{"content":{"parts":[{"text":5}]}}]}', b'{"candidates":[{"index":-1}]}'],
)
def test_broken_events_are_refused(data: bytes) -> None:
    """Never another exception."""
    with pytest.raises(InvalidBody):
        GeminiStreamDecoder().feed(b"data: " + data + b"\n\n")


def test_dones_and_empty_events_are_passed_over() -> None:
    """As gateways in between send them."""
    body = b"data: \n\n" + stream(said({"text": "a"}, finishReason="STOP")) + b"data: [DONE]\n\n"
    assert decode_all(body)[-1] == StreamEnd()
    with pytest.raises(InvalidBody):
        parse_event(b"{")
