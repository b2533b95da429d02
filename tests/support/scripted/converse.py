"""Amazon Bedrock Converse and ConverseStream, with frames of its own making.

Source: Amazon Bedrock API reference (Converse, ConverseStream, ContentBlock), Smithy "Amazon Event Stream specification", read 2026-11-25.
"""

import json
import struct
import zlib
from typing import Any

from tests.support.scripted import script
from tests.support.scripted.script import Call, Heard, Media, Refused, Rejected, Result, Said, Turn

_TOP = script.fields(
    "messages system inferenceConfig toolConfig outputConfig additionalModelRequestFields additionalModelResponseFieldPaths"
    " guardrailConfig performanceConfig promptVariables requestMetadata serviceTier"
)
_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "pdf": "application/pdf", "txt": "text/plain"}


def read(body: Any, model: str, *, stream: bool) -> Heard:
    """Raises Rejected."""
    body = script.known(body, _TOP, "")
    heard = Heard("converse", model, _turns(script.need(body, "messages", list, "body")), stream=stream)
    heard.system = "\n".join(script.need(block, "text", str, "system") for block in body.get("system", []) if "cachePoint" not in block)
    limits = script.known(body.get("inferenceConfig", {}), {"maxTokens", "temperature", "topP", "stopSequences"}, "inferenceConfig")
    heard.max_tokens = limits.get("maxTokens")
    heard.temperature = limits.get("temperature")
    heard.stop = limits.get("stopSequences", [])
    _tools(script.known(body.get("toolConfig", {"tools": []}), {"tools", "toolChoice"}, "toolConfig"), heard)
    wanted = body.get("outputConfig", {}).get("textFormat")
    if wanted is not None:
        if wanted["type"] != "json_schema":
            raise Rejected("type must be json_schema", "outputConfig.textFormat.type")
        heard.schema = script.arguments(wanted["structure"]["jsonSchema"]["schema"], "outputConfig.textFormat.structure.jsonSchema.schema")
    more = body.get("additionalModelRequestFields", {})
    heard.thinking = more.get("thinking", {}).get("type", "disabled") != "disabled"
    heard.parallel = not more.get("tool_choice", {}).get("disable_parallel_tool_use", False)
    if not heard.tools and any(turn.calls or turn.results for turn in heard.turns):
        raise Rejected("The toolConfig field must be defined when using toolUse and toolResult content blocks.", "toolConfig")
    return heard


def _tools(config: dict[str, Any], heard: Heard) -> None:
    for i, tool in enumerate(config["tools"]):
        if "cachePoint" in tool:
            continue
        spec = script.known(tool["toolSpec"], {"name", "description", "inputSchema", "strict"}, f"toolConfig.tools[{i}].toolSpec")
        heard.tools[spec["name"]] = script.need(spec["inputSchema"], "json", dict, f"toolConfig.tools[{i}].toolSpec.inputSchema")
    if config.get("toolChoice") is not None:
        ((kind, value),) = config["toolChoice"].items()
        heard.choice = {"auto": "auto", "any": "required", "tool": value.get("name", "")}[kind]


def _turns(messages: list[Any]) -> list[Turn]:
    turns: list[Turn] = []
    for i, message in enumerate(messages):
        path = f"messages[{i}]"
        role = script.known(message, {"role", "content"}, path).get("role")
        if role not in ("user", "assistant"):
            raise Rejected(f"role: {role!r}", path)
        if role == (turns[-1].role if turns else "assistant"):
            raise Rejected("A conversation must alternate between user and assistant roles and begin with a user", path)
        turns.append(Turn(role))
        if not message["content"]:
            raise Rejected("The content field is empty", f"{path}.content")
        for n, block in enumerate(message["content"]):
            _block(block, turns[-1], f"{path}.content[{n}]")
    return turns


def _block(block: Any, turn: Turn, path: str) -> None:
    if not isinstance(block, dict) or len(block) != 1:
        raise Rejected(f"a content block has exactly one member: {block}", path)
    ((kind, value),) = block.items()
    if kind == "text":
        if not value.strip():
            raise Rejected("The text field in the ContentBlock object is blank", path)
        turn.text += value
    elif kind in ("image", "document") and turn.role == "user":
        turn.media.append(_media(kind, value, path))
    elif kind == "toolUse" and turn.role == "assistant":
        script.known(value, {"toolUseId", "name", "input"}, path)
        turn.calls.append(Call(script.need(value, "toolUseId", str, path), value["name"], script.need(value, "input", dict, path)))
    elif kind == "toolResult" and turn.role == "user":
        script.known(value, {"toolUseId", "content", "status"}, path)
        text = ""
        for part in script.need(value, "content", list, path):
            ((inner, given),) = part.items()
            if inner in ("image", "document"):
                turn.media.append(_media(inner, given, path))
            elif inner in ("text", "json"):
                text += given if inner == "text" else json.dumps(given)
            else:
                raise Rejected(f"a toolResult takes no {inner}", path)
        turn.results.append(Result(value["toolUseId"], text, is_error=value.get("status") == "error"))
    elif kind == "reasoningContent" and turn.role == "assistant":
        thought = script.known(value["reasoningText"], {"text", "signature"}, path)
        if thought.get("signature") != script.SIGNATURE or thought["text"] != script.THOUGHT:
            raise Rejected("Invalid signature in thinking block", path)
        turn.thinking.append(thought["text"])
    elif kind != "cachePoint":
        raise Rejected(f"a {turn.role} message takes no {kind}", path)


def _media(kind: str, value: dict[str, Any], path: str) -> Media:
    script.known(value, {"format", "source", "name", "citations", "context"} if kind == "document" else {"format", "source"}, path)
    if kind == "document":
        script.need(value, "name", str, path)
    if value["format"] not in _TYPES:
        raise Rejected(f"format: {value['format']!r}", f"{path}.format")
    return script.media(_TYPES[value["format"]], script.need(value["source"], "bytes", str, path), path)


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        blocks.append({"reasoningContent": {"reasoningText": {"text": said.thought, "signature": script.SIGNATURE}}})
    if said.text:
        blocks.append({"text": said.text})
    return blocks + [{"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in said.calls]


def _usage(said: Said) -> dict[str, int]:
    return {
        "inputTokens": script.UNCACHED,
        "outputTokens": said.output,
        "totalTokens": script.UNCACHED + script.CACHED + said.output,
        "cacheReadInputTokens": script.CACHED,
        "cacheWriteInputTokens": 0,
    }


def _stop(said: Said) -> str:
    return {"stop": "end_turn", "length": "max_tokens", "calls": "tool_use"}[said.finish]


def whole(said: Said, heard: Heard) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": _blocks(said)}},
        "stopReason": _stop(said),
        "usage": _usage(said),
        "metrics": {"latencyMs": 7},
    }


def stream(said: Said, heard: Heard) -> list[bytes]:
    frames = [frame("messageStart", {"role": "assistant"})]
    for index, block in enumerate(_blocks(said)):
        ((kind, value),) = block.items()
        deltas: list[dict[str, Any]]
        if kind == "reasoningContent":
            text = value["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in script.halves(text["text"])]
            deltas.append({"reasoningContent": {"signature": text["signature"]}})
        elif kind == "text":
            deltas = [{"text": piece} for piece in said.pieces]
        else:
            start = {"toolUse": {key: value[key] for key in ("toolUseId", "name")}}
            frames.append(frame("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            deltas = [{"toolUse": {"input": piece}} for piece in script.halves(json.dumps(value["input"]))]
        frames += [frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        frames.append(frame("contentBlockStop", {"contentBlockIndex": index}))
    return [
        *frames,
        frame("messageStop", {"stopReason": _stop(said)}),
        frame("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 7}}),
    ]


def frame(event: str, payload: dict[str, Any]) -> bytes:
    """total length, header length, CRC of both, headers (each: length of the name, name, type 7, length, text), payload, CRC of it all."""
    named = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode() for name, value in named.items()
    )
    body = json.dumps({**payload, "p": "abcdefghij"}).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def refusal(refused: Refused) -> dict[str, Any]:
    return {"message": refused.message}


ERROR_TYPES = {400: "ValidationException", 401: "UnrecognizedClientException", 429: "ThrottlingException"}
