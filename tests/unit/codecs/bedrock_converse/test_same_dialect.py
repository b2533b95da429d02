"""A request of this dialect comes back as it was, with what policies have changed."""

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import BedrockConverseCodec
from proxy.core.messages import Part, TextPart, ToolResultPart, ToolUsePart
from proxy.core.request import ChatRequest
from tests.support.converse_samples import assistant, request_of, user, wire

CODEC = BedrockConverseCodec()
FULL = json.loads(wire("request_full.json"))


def again(body: dict[str, Any]) -> Any:
    encoded = CODEC.encode_request(CODEC.decode_request(copy.deepcopy(body), {}))
    assert encoded.dropped == ()
    return encoded.body


def test_the_full_sample_comes_back() -> None:
    """Every block, every field, in order; nothing reported."""
    assert again(FULL) == FULL
    assert [list(block) for message in again(FULL)["messages"] for block in message["content"]] == [
        list(block) for message in FULL["messages"] for block in message["content"]
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"system": [], "inferenceConfig": {}, "toolConfig": {}, "outputConfig": {}, "additionalModelRequestFields": {}, "serviceTier": {}},
        {"inferenceConfig": {"stopSequences": [], "new": 1}, "new": {"a": 1}},
        {"toolConfig": {"tools": [], "new": 1}},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": '{"type": "object"}'}, "new": 1}}]}},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}], "toolChoice": {"new": {}}}},
        {"additionalModelRequestFields": {"reasoning_effort": "low", "thinking": {"type": "adaptive", "display": "x"}, "a.b": {"c": 1}}},
        {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled"}, "inferenceConfig": {"topK": 5}}},
        {"additionalModelRequestFields": "odd"},
        {"outputConfig": {"effort": "low", "textFormat": {"type": "new"}, "more": 1}},
        {"serviceTier": {"type": "reserved", "new": 1}},
        {"messages": [{**user("u"), "new": 1}, {"role": "system", "content": [{"text": "s"}]}]},
        {"messages": [assistant({"toolUse": {"toolUseId": "i" * 80, "name": "f", "input": [1, "x"], "type": "tool_use", "new": 1}})]},
        {"messages": [user({"toolResult": {"toolUseId": "i", "status": "success", "content": [{"json": [1]}, {"json": "t"}], "new": 1}})]},
        {"messages": [assistant({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}})]},
        {
            "messages": [
                user({"document": {"format": "md", "name": "a_b.md", "source": {"bytes": "AAAA"}}}, {"cachePoint": {"type": "new"}})
            ]
        },
        {"messages": [user("", {"text": " "})]},
    ],
)
def test_odd_spellings_come_back(fields: dict[str, Any]) -> None:
    """Empty objects, new fields, forms without a canonical place."""
    body = {**request_of(), **fields}
    assert again(body) == body


def test_a_stored_prompt_stays_without_messages() -> None:
    """As it came."""
    body = {"model": "arn:aws:bedrock:us-east-1:1:prompt/ABC", "stream": True, "promptVariables": {"a": {"text": "b"}}}
    assert again(body) == body


def _masked(part: Part) -> Part:
    if isinstance(part, TextPart):
        return msgspec.structs.replace(part, text=part.text.replace("Tom", "[NAME]"))
    if isinstance(part, ToolResultPart):
        return msgspec.structs.replace(part, content=tuple(_masked(item) for item in part.content))
    return part


def test_a_policy_s_changes_are_written_into_the_old_blocks() -> None:
    """Guarded text stays guarded, JSON stays JSON where it still is, citations stay."""
    cite = {"title": "t"}
    body = request_of(
        user({"guardContent": {"text": {"text": "Tom?", "qualifiers": ["query"]}}}),
        assistant({"citationsContent": {"content": [{"text": "T"}, {"text": "om."}], "citations": [cite]}}),
        user({"toolResult": {"toolUseId": "i", "content": [{"json": {"name": "Tom"}}, {"json": "Tom"}], "status": "success"}}),
    )
    request = CODEC.decode_request(body, {})
    messages = tuple(msgspec.structs.replace(m, content=tuple(_masked(part) for part in m.content)) for m in request.messages)
    got = CODEC.encode_request(msgspec.structs.replace(request, messages=messages, model="other")).body
    assert got["model"] == "other"
    assert [message["content"] for message in got["messages"]] == [
        [{"guardContent": {"text": {"text": "[NAME]?", "qualifiers": ["query"]}}}],
        [{"citationsContent": {"content": [{"text": "[NAME]."}], "citations": [cite]}}],
        [{"toolResult": {"toolUseId": "i", "content": [{"json": {"name": "[NAME]"}}, {"json": "[NAME]"}], "status": "success"}}],
    ]


def test_json_that_is_none_any_more_is_text() -> None:
    """And a result that became an error is one; a schema that was changed is written anew."""
    body = request_of(
        user({"toolResult": {"toolUseId": "i", "content": [{"json": [1]}], "status": "success"}}),
        user({"toolResult": {"toolUseId": "j", "content": [], "status": "error", "new": 1}}),
        outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{ }", "name": "n"}}}},
    )
    request = CODEC.decode_request(body, {})
    first, second = (message.content[0] for message in request.messages)
    assert isinstance(first, ToolResultPart)
    changed = [
        msgspec.structs.replace(first, content=(TextPart(text="***"),), is_error=True),
        msgspec.structs.replace(second, is_error=False),
    ]
    messages = tuple(msgspec.structs.replace(m, content=(part,)) for m, part in zip(request.messages, changed, strict=True))
    assert request.response_format is not None
    wanted = msgspec.structs.replace(request.response_format, schema={"type": "object"})
    got = CODEC.encode_request(msgspec.structs.replace(request, messages=messages, response_format=wanted)).body
    assert got["messages"][0]["content"] == [{"toolResult": {"toolUseId": "i", "content": [{"text": "***"}], "status": "error"}}]
    assert got["messages"][1]["content"] == [{"toolResult": {"toolUseId": "j", "content": [], "new": 1}}]
    assert got["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {"schema": '{"type":"object"}', "name": "n"}


def test_arguments_that_a_policy_broke_are_refused() -> None:
    """With their place."""
    request = CODEC.decode_request(request_of(assistant({"toolUse": {"toolUseId": "i", "name": "f", "input": {}}})), {})
    broken = tuple(msgspec.structs.replace(part, arguments="{") for part in request.messages[0].content if isinstance(part, ToolUsePart))
    messages = (msgspec.structs.replace(request.messages[0], content=broken),)
    with pytest.raises(InvalidBody) as caught:
        CODEC.encode_request(msgspec.structs.replace(request, messages=messages))
    assert caught.value.path == "messages[0].content[0].toolUse.input"


def test_a_request_built_without_a_wire_form() -> None:
    """A ChatRequest that never was JSON of this dialect."""
    from proxy.core.messages import Message

    request = ChatRequest(dialect="bedrock_converse", model="m", messages=(Message(role="user", content=(TextPart(text="u"),)),))
    assert CODEC.encode_request(request).body == {"model": "m", "stream": False, "messages": [user("u")]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(max_size=12)
NAME = st.text("abc-_1", min_size=1, max_size=8)
SIMPLE = st.one_of(
    st.builds(lambda t: {"text": t}, TEXT),
    st.just({"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}),
    st.builds(lambda n, t: {"document": {"name": n, "source": {"text": t}}}, TEXT, TEXT),
)
BLOCKS = st.one_of(
    SIMPLE,
    st.sampled_from([{"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default", "ttl": "5m"}}]),
    st.builds(lambda t, q: {"guardContent": {"text": {"text": t, "qualifiers": q}}}, TEXT, st.lists(TEXT, max_size=2)),
    st.builds(lambda i, v: {"toolUse": {"toolUseId": i, "name": "f", "input": v}}, NAME, JSON),
    st.builds(
        lambda i, c, s: {"toolResult": {"toolUseId": i, "content": c, **s}},
        NAME,
        st.lists(SIMPLE | st.builds(lambda v: {"json": v}, JSON.filter(lambda v: v is not None)), max_size=3),
        st.sampled_from([{}, {"status": "success"}, {"status": "error"}]),
    ),
    st.builds(lambda t: {"reasoningContent": {"reasoningText": {"text": t}}}, TEXT),
    st.builds(lambda k, v: {f"new{k}": v}, NAME, JSON.filter(lambda v: v is not None)),
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.lists(BLOCKS, max_size=5)), max_size=4),
    st.lists(BLOCKS, max_size=2),
    st.dictionaries(st.text("xyz.", min_size=1, max_size=5), JSON, max_size=2),
)
def test_any_request_comes_back(turns: list[tuple[str, list[Any]]], system: list[Any], more: dict[str, Any]) -> None:
    """decode∘encode is the identity on what the dialect can say."""
    messages = [{"role": role, "content": blocks} for role, blocks in turns]
    body = {**more, "model": "m", "stream": True, "messages": messages, "system": system, "additionalModelRequestFields": more}
    assert again(body) == body
