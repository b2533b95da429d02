"""Anthropic Messages. Source: Anthropic API reference, "Messages", "Streaming messages", "Extended thinking", read 2026-11-25."""

import json
from typing import Any

from tests.support.scripted import script
from tests.support.scripted.script import Call, Heard, Media, Refused, Rejected, Result, Said, Turn

_TOP = script.fields(
    "model messages max_tokens system tools tool_choice stream temperature top_p top_k stop_sequences thinking metadata service_tier"
    " output_config cache_control"
)
MIN_BUDGET = 1024


def read(body: Any) -> Heard:
    """Raises Rejected."""
    body = script.known(body, _TOP, "")
    heard = Heard("messages", script.need(body, "model", str, "body"), _turns(script.need(body, "messages", list, "body")))
    heard.max_tokens = script.need(body, "max_tokens", int, "body")
    system = body.get("system", "")
    heard.system = system if isinstance(system, str) else "\n".join(_text(block, "system") for block in system)
    for i, tool in enumerate(body.get("tools") or []):
        script.known(tool, {"name", "description", "input_schema", "strict", "cache_control", "type"}, f"tools[{i}]")
        heard.tools[tool["name"]] = script.need(tool, "input_schema", dict, f"tools[{i}]")
    choice = script.known(body.get("tool_choice", {"type": "auto"}), {"type", "name", "disable_parallel_tool_use"}, "tool_choice")
    heard.choice = {"any": "required", "tool": choice.get("name", "")}.get(choice["type"], choice["type"])
    heard.parallel = not choice.get("disable_parallel_tool_use", False)
    wanted = script.known(body.get("output_config", {}), {"format", "effort"}, "output_config").get("format")
    if wanted is not None:
        heard.schema = script.known(wanted, {"type", "schema"}, "output_config.format")["schema"]
    heard.stream = body.get("stream", False)
    heard.temperature = body.get("temperature")
    heard.stop = body.get("stop_sequences", [])
    _thinking(body, heard)
    if heard.temperature is not None and not 0 <= heard.temperature <= 1:
        raise Rejected("temperature: range 0..1", "temperature")
    if not heard.tools and any(turn.calls for turn in heard.turns):
        raise Rejected("Requests which include `tool_use` or `tool_result` blocks must define tools", "tools")
    return heard


def _thinking(body: dict[str, Any], heard: Heard) -> None:
    asked = script.known(body.get("thinking", {"type": "disabled"}), {"type", "budget_tokens", "display"}, "thinking")
    heard.thinking = asked["type"] != "disabled"
    if not heard.thinking:
        return
    if asked["type"] == "enabled" and not MIN_BUDGET <= asked["budget_tokens"] < (heard.max_tokens or 0):
        raise Rejected("max_tokens must be greater than thinking.budget_tokens, which is at least 1024", "thinking.budget_tokens")
    if heard.choice not in ("auto", "none"):
        raise Rejected("Thinking may not be enabled when tool_choice forces tool use.", "tool_choice")
    if heard.temperature not in (None, 1):
        raise Rejected("temperature may only be set to 1 when thinking is enabled", "temperature")
    last = next((turn for turn in reversed(heard.turns) if turn.role == "assistant"), None)
    if last is not None and last.calls and heard.turns[-1].results and not last.thinking:
        raise Rejected("When thinking is enabled, a final assistant message must start with a thinking block", "messages")


def _turns(messages: list[Any]) -> list[Turn]:
    """Turns of the same role are one, as the API joins them."""
    turns: list[Turn] = []
    for i, message in enumerate(messages):
        path = f"messages[{i}]"
        role = script.known(message, {"role", "content"}, path).get("role")
        if role not in ("user", "assistant"):
            raise Rejected(f"role: {role!r}", path)
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        content = message["content"]
        if not content:
            raise Rejected("messages must have non-empty content", path)
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            _block(block, turns[-1], path)
    return turns


def _block(block: Any, turn: Turn, path: str) -> None:
    kind = block.get("type")
    if kind == "text":
        turn.text += _text(block, path)
    elif kind in ("image", "document") and turn.role == "user":
        turn.media.append(_media(block, path))
    elif kind == "tool_use" and turn.role == "assistant":
        script.known(block, {"type", "id", "name", "input", "cache_control"}, path)
        turn.calls.append(Call(script.need(block, "id", str, path), block["name"], script.need(block, "input", dict, path)))
    elif kind == "tool_result" and turn.role == "user":
        script.known(block, {"type", "tool_use_id", "content", "is_error", "cache_control"}, path)
        if turn.text:
            raise Rejected("tool_result blocks must come first in the content", path)
        content = block.get("content", "")
        inner = Turn("user", content if isinstance(content, str) else "")
        for part in [] if isinstance(content, str) else content:
            _block(part, inner, f"{path}.content")
        turn.media += inner.media
        turn.results.append(Result(script.need(block, "tool_use_id", str, path), inner.text, is_error=block.get("is_error", False)))
    elif kind == "thinking" and turn.role == "assistant":
        script.known(block, {"type", "thinking", "signature"}, path)
        if block["signature"] != script.SIGNATURE or block["thinking"] != script.THOUGHT:
            raise Rejected("Invalid `signature` in `thinking` block", path)
        if turn.text or turn.calls:
            raise Rejected("thinking must come first", path)
        turn.thinking.append(block["thinking"])
    else:
        raise Rejected(f"a {turn.role} message takes no {kind}", path)


def _text(block: Any, path: str) -> str:
    text = script.need(script.known(block, {"type", "text", "cache_control", "citations"}, path), "text", str, path)
    if not text.strip():
        raise Rejected("text content blocks must be non-empty and contain non-whitespace text", path)
    return str(text)


def _media(block: dict[str, Any], path: str) -> Media:
    source = script.known(block, {"type", "source", "cache_control", "title", "context", "citations"}, path)["source"]
    if source["type"] == "url":
        return script.data_url(source["url"], path)
    if source["type"] == "text":
        return Media("text/plain", len(source["data"]))
    return script.media(script.known(source, {"type", "media_type", "data"}, path)["media_type"], source["data"], path)


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": script.SIGNATURE})
    if said.text:
        blocks.append({"type": "text", "text": said.text, "citations": None})
    return blocks + [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in said.calls]


def whole(said: Said, heard: Heard) -> dict[str, Any]:
    return {
        **_frame(heard),
        "content": _blocks(said),
        "stop_reason": {"stop": "end_turn", "length": "max_tokens", "calls": "tool_use"}[said.finish],
        "usage": {**_PROMPT, "output_tokens": said.output},
    }


_PROMPT = {
    "input_tokens": script.UNCACHED,
    "cache_read_input_tokens": script.CACHED,
    "cache_creation_input_tokens": 0,
    "service_tier": "standard",
}


def _frame(heard: Heard) -> dict[str, Any]:
    named = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": heard.model}
    return {**named, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**_PROMPT, "output_tokens": 1}}


def stream(said: Said, heard: Heard) -> list[bytes]:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": _frame(heard)}, {"type": "ping"}]
    for index, block in enumerate(_blocks(said)):
        deltas: list[dict[str, Any]]
        if block["type"] == "thinking":
            start: dict[str, Any] = {**block, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in script.halves(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "text":
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in said.pieces]
        else:
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *script.halves(json.dumps(block["input"])))]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    last = whole(said, heard)
    delta = {"stop_reason": last["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": said.output}})
    return [script.sse(event, event["type"]) for event in [*events, {"type": "message_stop"}]]


def refusal(refused: Refused) -> dict[str, Any]:
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}[refused.status]
    return {"type": "error", "error": {"type": kind, "message": refused.message}, "request_id": "req_scripted"}
