"""A client of Bedrock's Converse that reads the frames itself. Source: Smithy "Amazon Event Stream specification", read 2026-11-25."""

import json
import struct
import zlib
from collections.abc import Iterator
from urllib.parse import quote

from tests.support.matrix.got import PARAMETERS, PNG_BASE64, SCHEMA, TOOL, WORDS, Call, Fault, Got, Json, parsed

FINISHES = {"end_turn": "stop", "tool_use": "calls"}


def ask(case: str, model: str, *, stream: bool) -> tuple[str, Json]:
    content: list[Json] = [{"text": WORDS[case]}]
    body: Json = {}
    if case in ("tools", "parallel"):
        spec = {"name": TOOL, "description": "d", "inputSchema": {"json": PARAMETERS}}
        body["toolConfig"] = {"tools": [{"toolSpec": spec}]}
    if case == "image":
        content.append({"image": {"format": "png", "source": {"bytes": PNG_BASE64}}})
    if case == "structured":
        structure = {"jsonSchema": {"name": "person", "schema": json.dumps(SCHEMA)}}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    path = f"/model/{quote(model, safe='')}/converse{'-stream' if stream else ''}"
    return path, body | {"messages": [{"role": "user", "content": content}]}


def go_on(body: Json, got: Got, results: list[str]) -> Json:
    said = [{"text": got.text}] if got.text else []
    calls = [{"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in got.calls]
    told = [{"toolResult": {"toolUseId": call.id, "content": [{"text": text}]}} for call, text in zip(got.calls, results, strict=True)]
    turns = [{"role": "assistant", "content": [*said, *calls]}, {"role": "user", "content": told}]
    return body | {"messages": [*body["messages"], *turns]}


def whole(body: Json) -> Got:
    message = body["output"]["message"]
    assert message["role"] == "assistant"
    assert "latencyMs" in body["metrics"]
    got = Got(finish=FINISHES[body["stopReason"]], ended=True)
    for block in message["content"]:
        assert len(block) == 1
        got.text += block.get("text", "")
        if "toolUse" in block:
            got.calls.append(Call(block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"]))
    _count(got, body["usage"])
    return got


def _count(got: Got, usage: Json) -> None:
    got.cached = usage.get("cacheReadInputTokens") or 0
    got.prompt = usage["inputTokens"] + got.cached + (usage.get("cacheWriteInputTokens") or 0)
    got.output = usage["outputTokens"]
    assert usage["totalTokens"] == got.prompt + got.output


def frames(raw: bytes) -> Iterator[tuple[dict[str, str], Json]]:
    """(headers, payload) of each frame, whose two checksums are right."""
    at = 0
    while at < len(raw):
        total, headers, prelude = struct.unpack_from(">III", raw, at)
        frame = raw[at : at + total]
        assert len(frame) == total, "half a frame"
        assert (zlib.crc32(frame[:8]), zlib.crc32(frame[:-4])) == (prelude, struct.unpack(">I", frame[-4:])[0])
        yield _headers(frame[12 : 12 + headers]), json.loads(frame[12 + headers : -4])
        at += total


def _headers(raw: bytes) -> dict[str, str]:
    """All are strings."""
    found: dict[str, str] = {}
    at = 0
    while at < len(raw):
        name = raw[at + 1 : at + 1 + raw[at]]
        at += 1 + raw[at]
        assert raw[at] == 7
        size = struct.unpack_from(">H", raw, at + 1)[0]
        found[name.decode()] = raw[at + 3 : at + 3 + size].decode()
        at += 3 + size
    return found


def streamed(raw: bytes) -> Got:
    """messageStart, blocks one after the other from 0, messageStop, metadata; or an exception and nothing after it."""
    got = Got()
    call: Json | None = None
    pieces = ""
    open_, blocks = False, 0
    for number, (headers, event) in enumerate(frames(raw)):
        assert (got.fault, got.prompt) == (None, None), "something follows the end"
        if headers[":message-type"] == "exception":
            got.fault = Fault(headers[":exception-type"], event["message"])
            continue
        kind = headers[":event-type"]
        assert (kind == "messageStart") == (number == 0)
        if kind == "contentBlockStart":
            assert not open_
            assert event["contentBlockIndex"] == blocks
            call, pieces, open_ = event["start"]["toolUse"], "", True
        elif kind == "contentBlockDelta":
            assert event["contentBlockIndex"] == blocks
            assert not got.ended
            open_ = True
            got.text += event["delta"].get("text", "")
            pieces += event["delta"].get("toolUse", {}).get("input", "")
        elif kind == "contentBlockStop":
            assert open_
            assert event["contentBlockIndex"] == blocks
            if call is not None:
                got.calls.append(Call(call["toolUseId"], call["name"], parsed(pieces)))
            call, open_, blocks = None, False, blocks + 1
        elif kind == "messageStop":
            assert not open_
            got.finish, got.ended = FINISHES[event["stopReason"]], True
        elif kind == "metadata":
            assert got.ended
            _count(got, event["usage"])
        else:
            assert kind == "messageStart"
    return got


def fault(body: Json) -> Fault:
    """The kind stands in a header."""
    return Fault("", body["message"])
