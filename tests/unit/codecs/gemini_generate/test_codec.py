"""The codec as a whole, with random input."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.anthropic_messages import AnthropicMessagesCodec
from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.codecs.gemini_generate.models import ModelFacts
from proxy.codecs.openai_chat import OpenAIChatCodec
from proxy.core.events import StreamEnd, StreamFailed
from proxy.core.messages import Message, TextPart, ToolUsePart
from proxy.core.request import ChatRequest, Reasoning
from tests.support.gemini_samples import CODEC, decode_all, encode_all, events_of, sample, sample_json

FEW = settings(max_examples=60, deadline=None, derandomize=True)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ARGS = st.dictionaries(TEXT, JSON, max_size=3)
NAME = st.sampled_from(["f", "g", "h"])
SIGNATURE = st.sampled_from([{}, {"thoughtSignature": "CpsBAb4="}])
PART = st.one_of(
    st.builds(lambda t, s: {"text": t, **s}, TEXT, SIGNATURE),
    st.builds(lambda t, s: {"text": t, "thought": True, **s}, TEXT, SIGNATURE),
    st.builds(lambda n, a, s: {"functionCall": {"name": n, "args": a}, **s}, NAME, ARGS, SIGNATURE),
    st.builds(lambda n, a: {"functionResponse": {"name": n, "response": a}}, NAME, ARGS),
    st.builds(lambda c: {"executableCode": {"code": c}}, TEXT),
)
CONTENT = st.builds(lambda r, p: {"role": r, "parts": p}, st.sampled_from(["user", "model"]), st.lists(PART, max_size=4))
ANSWER_PART = PART.filter(lambda part: "functionResponse" not in part)
CHUNKS = st.lists(st.tuples(st.sampled_from([0, 1]), st.lists(ANSWER_PART, max_size=3)), min_size=1, max_size=5)


def stream_of(chunks: list[tuple[int, list[dict[str, Any]]]]) -> bytes:
    """Each chunk's parts, then a finish for every candidate."""
    events: list[dict[str, Any]] = [{"candidates": [{"content": {"parts": parts}, "index": i}], "responseId": "r"} for i, parts in chunks]
    events.append({"candidates": [{"index": i, "finishReason": "STOP"} for i in sorted({i for i, _ in chunks})]})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@FEW
@given(st.lists(CONTENT, min_size=1, max_size=4))
def test_requests_come_back_equal(contents: list[dict[str, Any]]) -> None:
    """Whatever the dialect can say; and other dialects' form of it has calls with unique ids that results name."""
    body = {"model": "m", "stream": False, "contents": contents}
    request = CODEC.decode_request(body, {})
    assert CODEC.encode_request(request).body == body
    ids = [part.id for message in request.messages for part in message.content if isinstance(part, ToolUsePart)]
    assert len(ids) == len(set(ids))


@FEW
@given(CHUNKS)
def test_streams_keep_their_meaning(chunks: list[tuple[int, list[dict[str, Any]]]]) -> None:
    """Written by our encoder and read again; as an array the same."""
    events = decode_all(stream_of(chunks))
    assert events[-1] == StreamEnd()
    out = encode_all(events)
    again = decode_all(out)
    assert encode_all(again) == out
    encoder = GeminiGenerateCodec(array=True).stream_encoder()
    assert json.loads(b"".join(encoder.encode(event) for event in events)) == events_of(out)


@FEW
@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    """Than InvalidBody."""
    for read in (
        lambda: CODEC.decode_response(data),
        lambda: CODEC.facts(data),
        lambda: CODEC.stream_decoder().feed(b"data: " + data + b"\n\n"),
        lambda: CODEC.watcher().feed(b"data: " + data + b"\n\n"),
    ):
        try:
            read()
        except InvalidBody:
            continue
    assert CODEC.decode_error(500, data, {}).message


@FEW
@given(st.dictionaries(st.sampled_from(["contents", "tools", "toolConfig", "generationConfig", "systemInstruction"]), JSON), JSON, JSON)
def test_random_requests_raise_nothing_else(body: dict[str, Any], part: Any, config: Any) -> None:
    """Than InvalidBody."""
    candidates = (body, {"contents": [{"parts": [part]}]}, {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": config})
    for candidate in candidates:
        try:
            CODEC.encode_request(CODEC.decode_request({"model": "m", **candidate}, {}))
        except InvalidBody:
            continue


def test_what_a_model_accepts_may_be_told() -> None:
    """By whoever knows better than its name."""
    codec = GeminiGenerateCodec(facts_of=lambda model: ModelFacts(thinking="none"))
    ask = Message(role="user", content=(TextPart(text="a"),), path="messages[0]")
    request = ChatRequest(dialect="openai_chat", model="gemini-3-pro", messages=(ask,), reasoning=Reasoning(effort="low"))
    assert codec.encode_request(request).dropped == ("reasoning",)


def test_content_types() -> None:
    """Of streams to clients."""
    assert CODEC.stream_type == b"text/event-stream"
    assert GeminiGenerateCodec(array=True).stream_type == b"application/json; charset=UTF-8"


def test_the_whole_way() -> None:
    """Each method of the protocol."""
    body = sample_json("request_full.json")
    request = CODEC.decode_request(body, {})
    assert CODEC.encode_request(request).body == body
    assert CODEC.encode_response(CODEC.decode_response(sample("answer_text.json"))).body == sample_json("answer_text.json")
    assert CODEC.response_to_events(CODEC.decode_response(sample("answer_text.json")))[-1] == StreamEnd()
    assert CODEC.facts(sample("answer_text.json")).finished
    assert CODEC.finish_stream(b"", include_usage=True, metadata=b"{}") == b""
    info = CODEC.decode_error(429, sample("error_quota.json"), {})
    assert json.loads(CODEC.encode_error(info)) == sample_json("error_quota.json")
    assert any(isinstance(event, StreamFailed) for event in decode_all(sample("stream_error.sse")))


def test_other_dialects_report_the_clients_own_paths() -> None:
    """Parts, tools and settings where the client wrote them."""
    request = CODEC.decode_request(sample_json("request_full.json"), {})
    assert set(OpenAIChatCodec().encode_request(request).dropped) == {
        "contents[0].parts[2]",
        "contents[0].parts[3]",
        "contents[1].parts[0]",
        "contents[1].parts[1]",
        "contents[2].parts[1].functionResponse.parts[0]",
        "contents[0].parts[3].videoMetadata",
        "contents[3].parts[0]",
        "contents[3].parts[1]",
        "tools[0].googleSearch",
        "tools[1].codeExecution",
        "generationConfig.topK",
        "safetySettings",
        "cachedContent",
        "labels",
        "generationConfig.speechConfig",
    }


SIGNED = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "CpsBAb4="}
RESULT = {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "1"}}}


def test_a_signed_call_survives_an_anthropic_client() -> None:
    """Which hands thinking and call back as it got them, and the result; the answer may have been a stream."""
    answer = CODEC.decode_response(
        json.dumps({"candidates": [{"content": {"parts": [SIGNED]}, "finishReason": "STOP"}], "responseId": "r"}).encode()
    )
    client = AnthropicMessagesCodec()
    content = json.loads(json.dumps(client.encode_response(answer).body))["content"]
    turns = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "1"}]},
    ]
    request = client.decode_request({"model": "gemini-3-pro", "max_tokens": 9, "messages": turns}, {})
    encoded = CODEC.encode_request(request)
    assert [turn["parts"] for turn in encoded.body["contents"]] == [[{"text": "go"}], [SIGNED], [RESULT]]
    assert encoded.dropped == ()


def test_a_signed_call_survives_an_openai_client() -> None:
    """Which hands the call's `extra_content` back with it."""
    answer = CODEC.decode_response(
        json.dumps({"candidates": [{"content": {"parts": [SIGNED]}, "finishReason": "STOP"}], "responseId": "r"}).encode()
    )
    client = OpenAIChatCodec()
    message = json.loads(json.dumps(client.encode_response(answer).body))["choices"][0]["message"]
    turns = [{"role": "user", "content": "go"}, message, {"role": "tool", "tool_call_id": "c1", "content": "1"}]
    encoded = CODEC.encode_request(client.decode_request({"model": "gemini-3-pro", "messages": turns}, {}))
    assert [turn["parts"] for turn in encoded.body["contents"]] == [[{"text": "go"}], [SIGNED], [RESULT]]
    assert encoded.dropped == ()
