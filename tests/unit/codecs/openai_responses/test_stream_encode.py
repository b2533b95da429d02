"""Canonical events → the event stream of a response."""

import json
from typing import Any

import pytest

from proxy.codecs.openai_responses import OpenAIResponsesCodec
from proxy.codecs.openai_responses.usage import encode_usage
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
from proxy.core.response import Usage
from tests.support.responses_samples import WHOLE_STREAMS, decode_all, events_of, folded, read_by_sdk, sample, sample_json

CODEC = OpenAIResponsesCodec(now=lambda: 77.9)
START = StreamStart(id="chatcmpl-1", model="m")


def encode(*events: StreamEvent) -> bytes:
    encoder = CODEC.stream_encoder()
    return b"".join(encoder.encode(event) for event in (START, *events))


def dropped(*events: StreamEvent) -> list[str]:
    encoder = CODEC.stream_encoder()
    for event in (START, *events):
        encoder.encode(event)
    return encoder.dropped


def kinds(stream: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events_of(stream)]


TEXT = (BlockStart(block=0, kind="text"), TextDelta(block=0, text="Hé"), TextDelta(block=0, text="!"), BlockStop(block=0))


def test_text() -> None:
    """The order of OpenAI's own events; the SDK reads it."""
    stream = encode(*TEXT, Finish(), UsageUpdate(usage=Usage(input_tokens=3, output_tokens=2)), StreamEnd())
    assert kinds(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    final = read_by_sdk(stream)
    assert final is not None
    assert (final.id, final.created_at, final.output_text, final.status) == ("chatcmpl-1", 77, "Hé!", "completed")
    assert final.usage is not None
    assert final.usage.total_tokens == 5


def test_nothing_before_the_first_content() -> None:
    """An attempt that dies leaves no trace, and the next one's start counts."""
    encoder = CODEC.stream_encoder()
    assert encoder.encode(START) + encoder.encode(TEXT[0]) + encoder.encode(StreamPing()) == b""
    encoder.encode(StreamStart(id="second", model="m2"))
    found = events_of(encoder.encode(TEXT[0]) + encoder.encode(TEXT[1]))
    assert (found[0]["response"]["id"], found[0]["response"]["model"]) == ("second", "m2")
    assert encoder.encode(StreamStart(id="third", model="m3")) == b""


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_samples_keep_their_meaning(name: str) -> None:
    """Decoded, encoded, decoded: the same answer; the SDK reads the stream and ends with the same items that its events gave."""
    encoder = CODEC.stream_encoder()
    out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample(name)))
    first, second = folded(decode_all(CODEC.stream_decoder(), sample(name))), folded(decode_all(CODEC.stream_decoder(), out))
    assert [str(part).replace(":content:", ":summary:") for part in second.choices[0].content] == [
        str(part).replace(":content:", ":summary:") for part in first.choices[0].content
    ]
    assert (second.choices[0].finish, second.choices[0].logprobs) == (first.choices[0].finish, first.choices[0].logprobs)
    assert first.usage is not None
    assert second.usage is not None
    assert encode_usage(second.usage) == encode_usage(first.usage)
    assert read_by_sdk(out) is not None
    found = events_of(out)
    done = {event["output_index"]: event["item"] for event in found if event["type"] == "response.output_item.done"}
    assert found[-1]["response"]["output"] == [done[index] for index in sorted(done)]
    assert sorted(done) == list(range(len(done)))
    assert encoder.dropped == []
    assert encoder.usage_chunk == b""


def test_events_of_built_in_calls_go_by() -> None:
    """As they came, with their own ids and new numbers."""
    encoder = CODEC.stream_encoder()
    out = b"".join(encoder.encode(event) for event in decode_all(CODEC.stream_decoder(), sample("stream_builtin.sse")))
    own = [e for e in events_of(sample("stream_builtin.sse")) if "_call" in e["type"]]
    got = [e for e in events_of(out) if "_call" in e["type"]]
    assert [{k: v for k, v in e.items() if k != "sequence_number"} for e in got] == [
        {k: v for k, v in e.items() if k != "sequence_number"} for e in own
    ]


def test_ids_of_this_dialect_stay() -> None:
    """Of messages and reasoning; two messages stay two."""
    stream = encode(
        BlockStart(block=0, kind="thinking", id="rs_1"),
        SignatureDelta(block=0, signature="openai_responses:summary:rs_1:enc"),
        BlockStop(block=0),
        BlockStart(block=1, kind="text", id="msg_1"),
        TextDelta(block=1, text="a"),
        BlockStop(block=1),
        BlockStart(block=2, kind="text", id="msg_2"),
        TextDelta(block=2, text="b"),
        BlockStop(block=2),
        StreamEnd(),
    )
    output = events_of(stream)[-1]["response"]["output"]
    assert [item["id"] for item in output] == ["rs_1", "msg_1", "msg_2"]
    assert output[0]["encrypted_content"] == "enc"
    assert read_by_sdk(stream) is not None


def test_parallel_calls_interleave() -> None:
    """Each with its own item; one without arguments has an empty object."""
    stream = encode(
        *TEXT,
        BlockStart(block=1, kind="tool_use", id="c1", name="f"),
        BlockStart(block=2, kind="tool_use", id="c2", name="g"),
        ArgumentsDelta(block=1, json='{"a":'),
        ArgumentsDelta(block=2, json='{"b":2}'),
        ArgumentsDelta(block=1, json="1}"),
        BlockStop(block=1),
        BlockStop(block=2),
        BlockStart(block=3, kind="tool_use", id="c3", name="h"),
        BlockStop(block=3),
        Finish(reason="tool_calls"),
        StreamEnd(),
    )
    final = read_by_sdk(stream)
    assert final is not None
    calls = [(item.call_id, json.loads(item.arguments)) for item in final.output if item.type == "function_call"]
    assert calls == [("c1", {"a": 1}), ("c2", {"b": 2}), ("c3", {})]
    assert len({item.id for item in final.output}) == 4


def test_thinking_of_another_provider() -> None:
    """Text, then the signature as encrypted content; redacted thinking is an item at once."""
    stream = encode(
        BlockStart(block=0, kind="thinking"),
        TextDelta(block=0, text="hm"),
        TextDelta(block=0, text="m"),
        SignatureDelta(block=0, signature="EqQ"),
        SignatureDelta(block=0, signature="="),
        BlockStop(block=0),
        BlockStart(block=1, kind="redacted_thinking", part=RedactedThinkingPart(data="d")),
        BlockStop(block=1),
        *[type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "block": 2}) for event in TEXT],
        Finish(),
        StreamEnd(),
    )
    final = read_by_sdk(stream)
    assert final is not None
    assert [item.type for item in final.output] == ["reasoning", "reasoning", "message"]
    first = folded(decode_all(CODEC.stream_decoder(), stream)).choices[0].content
    assert [type(part).__name__ for part in first] == ["ThinkingPart", "RedactedThinkingPart", "TextPart"]
    assert getattr(first[0], "signature", None) == "EqQ="


@pytest.mark.parametrize(
    ("finish", "status", "details"),
    [
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
        ("stop_sequence", "completed", None),
    ],
)
def test_finish(finish: Any, status: str, details: Any) -> None:
    """The terminal event's name is the status; what is cut off says so."""
    last = events_of(encode(*TEXT[:3], Finish(reason=finish), StreamEnd()))[-1]
    assert last["type"] == f"response.{status}"
    assert (last["response"]["status"], last["response"]["incomplete_details"]) == (status, details)
    assert last["response"]["output"][0]["status"] == status


def test_an_open_call_is_done_at_the_end() -> None:
    """With the response's status."""
    start = BlockStart(block=0, kind="tool_use", id="c", name="f")
    last = events_of(encode(start, ArgumentsDelta(block=0, json='{"a'), Finish(reason="length"), StreamEnd()))[-1]
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_an_empty_answer() -> None:
    """Is a response without items."""
    stream = encode(TEXT[0], BlockStop(block=0), Finish(), StreamEnd())
    assert kinds(stream) == ["created", "in_progress", "completed"]
    final = read_by_sdk(stream)
    assert final is not None
    assert final.output == []


def test_the_request_is_repeated() -> None:
    """Where it is of this dialect; an upstream of this dialect says it itself."""
    request = CODEC.decode_request(sample_json("request_full.json"), {})
    encoder = CODEC.stream_encoder(request)
    created = events_of(encoder.encode(START) + encoder.encode(TEXT[0]) + encoder.encode(TEXT[1]))[0]["response"]
    assert (created["instructions"], created["temperature"], created["tools"][2]["type"]) == ("Answer from the files.", 0.5, "web_search")
    own = CODEC.stream_encoder(request)
    own.encode(StreamStart(id="r", model="m", extra={"echo": {"temperature": 1.0}, "novel": 1}))
    created = events_of(own.encode(TEXT[0]) + own.encode(TEXT[1]))[0]["response"]
    assert (created["temperature"], created["novel"], created["tools"]) == (1.0, 1, [])


def test_logprobs_and_citations() -> None:
    """Of the text that is open; OpenAI chat's annotations are flattened."""
    nested = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    tokens = [{"token": "Hé", "logprob": -0.1, "bytes": [1], "top_logprobs": []}]
    stream = encode(
        *TEXT[:2],
        LogprobsDelta(choice=0, logprobs={"content": tokens, "refusal": None}),
        LogprobsDelta(choice=0, logprobs={"content": None, "refusal": None}),
        CitationDelta(block=0, citation=nested, dialect="openai_chat"),
        BlockStop(block=0),
        Finish(),
        StreamEnd(),
    )
    final = read_by_sdk(stream)
    assert final is not None
    part = final.output[0].content[0]  # type: ignore[union-attr,index]
    assert part.logprobs[0].token == "Hé"  # type: ignore[union-attr,index]
    assert part.annotations[0].url == "u"  # type: ignore[union-attr]


def test_what_is_not_carried() -> None:
    """Each once, by name; deltas of what was not begun say nothing."""
    foreign = OpaquePart(dialect="anthropic_messages", value={})
    assert dropped(
        BlockStart(block=0, kind="opaque", part=foreign),
        OpaqueDelta(block=0, value={}, dialect="anthropic_messages"),
        BlockStop(block=0),
        BlockStart(block=1, kind="text", choice=1),
        TextDelta(block=1, text="x"),
        ArgumentsDelta(block=1, json="x"),
        BlockStart(block=2, kind="text"),
        CitationDelta(block=2, citation={}, dialect="anthropic_messages"),
        CitationDelta(block=9, citation={}, dialect="anthropic_messages"),
        SignatureDelta(block=2, signature="s"),
        LogprobsDelta(choice=0, logprobs={"content": [1]}),
        Finish(choice=1),
        Finish(stop_sequence="END"),
        StreamEnd(),
    ) == ["opaque", "choices[1]", "citations", "logprobs", "stop_sequence"]
    encoder = CODEC.stream_encoder()
    encoder.encode(StreamStart(id="x", model="m", extra={"container": 1}))
    encoder.encode(StreamEnd())
    assert encoder.dropped == ["container"]


def test_failure() -> None:
    """An in-band error, numbered; nothing follows."""
    encoder = CODEC.stream_encoder()
    begun = b"".join(encoder.encode(event) for event in (START, *TEXT[:2]))
    error = ErrorInfo(status=502, message="broke", code="stream_truncated")
    failed = encoder.encode(StreamFailed(error=error))
    assert events_of(failed) == [
        {"type": "error", "sequence_number": len(events_of(begun)), "code": "stream_truncated", "message": "broke", "param": None}
    ]
    assert encoder.encode(TEXT[2]) + encoder.encode(StreamEnd()) == b""
    assert read_by_sdk(begun + failed) is None
    assert CODEC.stream_encoder().keep_alive() == b": keep-alive\n\n"
