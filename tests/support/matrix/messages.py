"""An Anthropic Messages client."""

import json
from typing import Any

from tests.support.matrix.got import PARAMETERS, PNG_BASE64, SCHEMA, TOOL, WORDS, Call, Fault, Got, Json, parsed, sse

FINISHES = {"end_turn": "stop", "tool_use": "calls"}


def ask(case: str, model: str, *, stream: bool) -> tuple[str, Json]:
    content: Any = WORDS[case]
    body: Json = {"model": model, "max_tokens": 1000}
    if case in ("tools", "parallel"):
        body["tools"] = [{"name": TOOL, "description": "d", "input_schema": PARAMETERS}]
    if case == "image":
        source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
        content = [{"type": "image", "source": source}, {"type": "text", "text": content}]
    if case == "structured":
        body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if stream:
        body["stream"] = True
    return "/v1/messages", body | {"messages": [{"role": "user", "content": content}]}


def go_on(body: Json, got: Got, results: list[str]) -> Json:
    said = [{"type": "text", "text": got.text}] if got.text else []
    calls = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in got.calls]
    told = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in zip(got.calls, results, strict=True)]
    turns = [{"role": "assistant", "content": [*said, *calls]}, {"role": "user", "content": told}]
    return body | {"messages": [*body["messages"], *turns]}


def whole(body: Json) -> Got:
    assert (body["type"], body["role"]) == ("message", "assistant")
    assert body["id"].startswith("msg_")
    got = Got(finish=FINISHES[body["stop_reason"]], ended=True)
    for block in body["content"]:
        if block["type"] == "text":
            assert block["text"]
            got.text += block["text"]
        elif block["type"] == "tool_use":
            assert isinstance(block["input"], dict)
            got.calls.append(Call(block["id"], block["name"], block["input"]))
    _count(got, body["usage"])
    return got


def _count(got: Got, usage: Json) -> None:
    got.cached = usage.get("cache_read_input_tokens") or 0
    got.prompt = usage["input_tokens"] + got.cached + (usage.get("cache_creation_input_tokens") or 0)
    got.output = usage["output_tokens"]


def streamed(raw: bytes) -> Got:
    """message_start, blocks one after the other from 0, message_delta, message_stop; or an error and nothing after it."""
    got = Got()
    block: Json | None = None
    pieces = ""
    blocks = 0
    usage: Json = {}
    for number, (name, data) in enumerate(sse(raw)):
        event = json.loads(data)
        kind = event["type"]
        assert name == kind
        got.must_be_open()
        assert (kind == "message_start") == (number == 0) or kind == "error"
        if kind == "message_start":
            assert event["message"]["content"] == []
            assert event["message"]["id"].startswith("msg_")
            usage = event["message"]["usage"]
        elif kind == "content_block_start":
            assert block is None
            assert event["index"] == blocks
            assert got.finish is None
            block, pieces, blocks = event["content_block"], "", blocks + 1
        elif kind == "content_block_delta":
            assert block is not None
            assert event["index"] == blocks - 1
            pieces += event["delta"].get("text", "") + event["delta"].get("partial_json", "")
            got.text += event["delta"].get("text", "")
        elif kind == "content_block_stop":
            assert block is not None
            assert event["index"] == blocks - 1
            if block["type"] == "tool_use":
                got.calls.append(Call(block["id"], block["name"], parsed(pieces or "{}")))
            block = None
        elif kind == "message_delta":
            assert block is None
            got.finish, usage = FINISHES[event["delta"]["stop_reason"]], usage | event["usage"]
        elif kind == "message_stop":
            assert got.finish is not None
            got.ended = True
            _count(got, usage)
        elif kind == "error":
            got.fault = fault(event)
        else:
            assert kind == "ping"
    return got


def fault(body: Json) -> Fault:
    assert body["type"] == "error"
    return Fault(body["error"]["type"], body["error"]["message"])
