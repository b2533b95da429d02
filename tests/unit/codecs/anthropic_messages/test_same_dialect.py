"""A request of this dialect leaves as it came."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.codecs.anthropic_messages.request import decode_request
from proxy.codecs.anthropic_messages.same_dialect import encode_own
from proxy.core.messages import AudioPart, Message, TextPart
from proxy.core.request import ChatRequest, Tool

WIRE = Path(__file__).parents[3] / "wire" / "anthropic_messages"


def again(body: dict[str, Any]) -> dict[str, Any]:
    encoded = encode_own(decode_request(copy.deepcopy(body)), 4096)
    assert encoded.dropped == ()
    return encoded.body


def minimal(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **fields}


def test_full_request_is_equal() -> None:
    """Every field, known or not, and every spelling survives."""
    body = json.loads((WIRE / "request_full.json").read_bytes())
    assert again(body) == body


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"system": "s"},
        {"system": ""},
        {"system": [{"type": "text", "text": "s"}]},
        {"system": []},
        {"stream": True},
        {"stream": None, "tools": [], "stop_sequences": [], "metadata": {}, "temperature": None, "tool_choice": None},
        {"metadata": {"user_id": None}},
        {"metadata": {"user_id": "u", "job": "j"}},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": []}, {"role": "assistant", "content": [{"type": "text", "text": " "}], "odd": 1}]},
        {"tool_choice": {"type": "none", "note": 1}},
        {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": False}},
        {"thinking": {"type": "between_tools"}},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": None, "budget": 3}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}, "name": "n"}, "effort": "low"}},
        {"output_config": {"format": {"type": "regex"}}},
        {"output_config": {}},
        {"output_format": {"type": "json_schema", "schema": {"a": 1}}},
        {"service_tier": "auto"},
        {"service_tier": "new_tier"},
        {"tools": [{"name": "f", "input_schema": {}, "description": None, "strict": False, "input_examples": [{}], "cache_control": None}]},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral", "scope": "global"}}]},
        {"anything": {"new": [1]}},
    ],
)
def test_spelling_survives(fields: dict[str, Any]) -> None:
    """Strings and lists, nulls and defaults, unknown fields: as the client wrote them."""
    assert again(minimal(**fields)) == minimal(**fields)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "a", "citations": [], "cache_control": None},
        {"type": "text", "text": "a", "cache_control": {"type": "persistent"}},
        {"type": "text", "text": "a", "citations": [{"type": "page_location"}]},
        {"type": "image", "source": {"type": "url", "url": "u"}, "transformations": {"resize": "none"}},
        {"type": "image", "source": {"type": "s3", "key": "k"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": ""}, "citations": {"enabled": False}},
        {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True, "style": "x"}, "title": ""},
        {"type": "document", "source": {"type": "gcs", "key": "k"}},
        {"type": "tool_result", "tool_use_id": "t"},
        {"type": "tool_result", "tool_use_id": "t", "content": []},
        {"type": "tool_result", "tool_use_id": "t", "content": "", "is_error": False},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x", "citations": None}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": [None, True, 1.5, "é"]}, "toolset_name": "s"},
        {"type": "thinking", "thinking": "x"},
        {"type": "brand_new", "payload": {"a": None}},
    ],
)
def test_block_survives(block: dict[str, Any]) -> None:
    """Every block comes back with all its fields."""
    body = minimal(messages=[{"role": "user", "content": [block]}])
    assert again(body) == body


def test_changed_text_is_what_leaves() -> None:
    """A policy that replaces a part (masking) is not undone by what is remembered of the client's spelling."""
    request = decode_request(minimal(messages=[{"role": "user", "content": "secret"}]))
    masked = msgspec.structs.replace(request.messages[0], content=(TextPart(text="***"),))
    body = encode_own(msgspec.structs.replace(request, messages=(masked,)), 4096).body
    assert body["messages"] == [{"role": "user", "content": "***"}]


def test_residue_does_not_land_on_another_block() -> None:
    """What belonged to a tool call is not written onto the text that took its place."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}
    request = decode_request(minimal(messages=[{"role": "assistant", "content": [block]}]))
    changed = msgspec.structs.replace(request.messages[0], content=(TextPart(text="x"),))
    body = encode_own(msgspec.structs.replace(request, messages=(changed,)), 4096).body
    assert body["messages"][0]["content"] == [{"type": "text", "text": "x"}]


def test_request_made_elsewhere() -> None:
    """A request of this dialect that was never on the wire is written in full, with the default limit; what cannot be is reported."""
    request = ChatRequest(
        dialect="anthropic_messages",
        model="m",
        messages=(
            Message(role="system", content=(TextPart(text="s"),)),
            Message(role="user", content=(TextPart(text="u"), AudioPart(id="a")), path="messages[0]", extra={"content[0].x": 1}),
        ),
        tools=(Tool(name="f", parameters=None),),
        parallel_tool_calls=False,
    )
    encoded = encode_own(request, 99)
    assert encoded.body == {
        "model": "m",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "u"}]}],
        "system": [{"type": "text", "text": "s"}],
        "tools": [{"name": "f", "input_schema": {}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }
    assert encoded.dropped == ("messages[0].content[1]",)
