"""Events → the response stream."""

import json
from typing import Any

import pytest

from proxy.codecs.bedrock_invoke import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.chunks import METRICS
from proxy.codecs.bedrock_invoke.family import Family
from proxy.codecs.eventstream import EventStreamParser
from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.response import Usage
from tests.support.invoke_samples import inner_events, sample, sample_stream
from tests.support.openai_samples import decode_all


def encoded(family: Family, *events: StreamEvent) -> tuple[list[Any], list[str]]:
    encoder = BedrockInvokeCodec(family=family).stream_encoder()
    return inner_events([encoder.encode(event) for event in events]), encoder.dropped


@pytest.mark.parametrize("family", ["claude", "titan", "llama"])
def test_a_stream_keeps_its_meaning(family: Family) -> None:
    """Decoded, encoded and decoded again: the same events, nothing dropped."""
    codec = BedrockInvokeCodec(family=family)
    events = decode_all(codec.stream_decoder(), sample_stream(family))
    encoder = codec.stream_encoder()
    again = decode_all(codec.stream_decoder(), b"".join(encoder.encode(event) for event in events))
    settled = [event for event in again if not isinstance(event, UsageUpdate)]
    assert settled == [event for event in events if not isinstance(event, UsageUpdate)]
    last = [event.usage for event in again if isinstance(event, UsageUpdate)][-1]
    assert (last.prompt_tokens, last.output_tokens) == {"claude": (24, 9), "titan": (4, 3), "llama": (21, 3)}[family]
    assert encoder.dropped == []


def test_claude_chunks() -> None:
    """The Messages API's events without its pings, the counts in the last one."""
    events = decode_all(BedrockInvokeCodec().stream_decoder(), sample_stream("claude"))
    shown, _ = encoded("claude", *events[:2], StreamPing(), *events[2:])
    assert [event["type"] for event in shown] == [event["type"] for event in sample("stream_claude")]
    assert shown[-1][METRICS] == {
        "inputTokenCount": 20,
        "outputTokenCount": 9,
        "cacheReadInputTokenCount": 4,
        "cacheWriteInputTokenCount": 0,
    }


@pytest.mark.parametrize(("family", "text"), [("titan", "outputText"), ("llama", "generation")])
def test_only_the_first_choices_text_is_shown(family: Family, text: str) -> None:
    """The last chunk waits for the end, since the counts may come after the finish; what is lost is named."""
    shown, dropped = encoded(
        family,
        StreamStart(id="x", model="m", extra={"container": 1}),
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="hm"),
        BlockStop(block=0),
        BlockStart(block=1, kind="text"),
        TextDelta(block=1, text="yes"),
        CitationDelta(block=1, citation={}, dialect="d"),
        BlockStop(block=1),
        BlockStart(block=2, kind="tool_use", id="i", name="f"),
        ArgumentsDelta(block=2, json="{}"),
        BlockStop(block=2),
        BlockStart(block=3, kind="text", choice=1),
        TextDelta(block=3, text="no"),
        LogprobsDelta(choice=0, logprobs={}),
        Finish(reason="length", stop_sequence="x"),
        Finish(choice=1, reason="stop"),
        UsageUpdate(usage=Usage(input_tokens=1, output_tokens=2)),
        StreamPing(),
        StreamEnd(),
    )
    assert [event[text] for event in shown] == ["yes", ""]
    assert shown[-1][METRICS] == {"inputTokenCount": 1, "outputTokenCount": 2}
    assert shown[-1].get("stop_reason") == "length" or shown[-1].get("completionReason") == "LENGTH"
    assert dropped == ["container", "thinking", "citations", "tool_use", "choices[1]", "logprobs", "stop_sequence"]


@pytest.mark.parametrize("family", ["claude", "titan"])
def test_errors_are_exception_frames(family: Family) -> None:
    """As in Converse; nothing stands between events."""
    encoder = BedrockInvokeCodec(family=family).stream_encoder()
    (frame,) = EventStreamParser().feed(encoder.encode(StreamFailed(error=ErrorInfo(status=429, message="slow"))))
    assert frame.text(":exception-type") == "throttlingException"
    assert json.loads(frame.payload)["message"] == "slow"
    assert encoder.keep_alive() == b""
