"""OpenAI Responses. Source: OpenAI API reference, "Create a model response" and its streaming events, read 2026-11-25."""

import json
from typing import Any

from tests.support.scripted import chat, script
from tests.support.scripted.script import Call, Heard, Media, Refused, Rejected, Result, Said, Turn

_TOP = script.fields(
    "model input instructions tools tool_choice parallel_tool_calls text reasoning include stream stream_options max_output_tokens"
    " temperature top_p top_logprobs user service_tier metadata store truncation prompt_cache_key safety_identifier"
    " previous_response_id background"
)
MIN_OUTPUT_TOKENS = 16


def read(body: Any) -> Heard:
    """Raises Rejected."""
    body = script.known(body, _TOP, "")
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else script.need(body, "input", list, "body")
    system = [_content(item["content"], "user", "input")[0] for item in items if item.get("role") in ("system", "developer")]
    heard = Heard("responses", script.need(body, "model", str, "body"), _turns(items))
    heard.system = "\n".join([body["instructions"], *system] if body.get("instructions") else system)
    for i, tool in enumerate(body.get("tools") or []):
        script.known(tool, {"type", "name", "description", "parameters", "strict"}, f"tools[{i}]")
        heard.tools[script.need(tool, "name", str, f"tools[{i}]")] = script.strict_parameters(tool)
    choice = body.get("tool_choice", "auto")
    heard.choice = script.known(choice, {"type", "name"}, "tool_choice")["name"] if isinstance(choice, dict) else choice
    wanted = script.known(body.get("text") or {}, {"format", "verbosity"}, "text").get("format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        script.need(script.known(wanted, {"type", "name", "description", "schema", "strict"}, "text.format"), "name", str, "text.format")
        heard.schema = wanted["schema"]
    heard.max_tokens = body.get("max_output_tokens")
    if heard.max_tokens is not None and heard.max_tokens < MIN_OUTPUT_TOKENS:
        raise Rejected(f"max_output_tokens must be at least {MIN_OUTPUT_TOKENS}", "max_output_tokens")
    heard.parallel = body.get("parallel_tool_calls", True)
    heard.thinking = script.known(body.get("reasoning") or {}, {"effort", "summary"}, "reasoning").get("effort", "none") != "none"
    heard.stream = body.get("stream", False)
    heard.temperature = body.get("temperature")
    return heard


def _turns(items: list[Any]) -> list[Turn]:
    turns: list[Turn] = []

    def turn(role: Any, *, fresh: bool = False) -> Turn:
        if not turns or turns[-1].role != role or fresh:
            turns.append(Turn(role))
        return turns[-1]

    for i, item in enumerate(items):
        path = f"input[{i}]"
        kind = item.get("type", "message")
        if kind == "message":
            role = script.known(item, {"type", "role", "content", "id", "status", "phase"}, path).get("role")
            if role in ("system", "developer"):
                continue
            if role not in ("user", "assistant"):
                raise Rejected(f"unknown role {role!r}", path)
            text, media = _content(item["content"], role, path)
            here = turn(role)
            here.text += text
            here.media += media
        elif kind == "function_call":
            script.known(item, {"type", "id", "call_id", "name", "arguments", "status"}, path)
            if not item.get("id", "fc_").startswith("fc_"):
                raise Rejected(f"an id of a function_call begins with fc_: {item['id']}", f"{path}.id")
            call = Call(script.need(item, "call_id", str, path), item["name"], script.arguments(item["arguments"], path))
            turn("assistant").calls.append(call)
        elif kind == "function_call_output":
            script.known(item, {"type", "id", "call_id", "output", "status"}, path)
            output = item["output"]
            text, media = (output, []) if isinstance(output, str) else _content(output, "user", path)
            here = turn("user")
            if here.text:
                raise Rejected("an output must follow its call", path)
            here.results.append(Result(script.need(item, "call_id", str, path), text))
            here.media += media
        elif kind == "reasoning":
            _thought(item, path)
            turn("assistant").thinking.append("".join(part["text"] for part in item["summary"]))
        else:
            raise Rejected(f"unknown item {kind!r}", path)
    return turns


def _thought(item: dict[str, Any], path: str) -> None:
    script.known(item, {"type", "id", "summary", "encrypted_content", "status", "content"}, path)
    script.need(item, "summary", list, path)
    if not script.need(item, "id", str, path).startswith("rs_"):
        raise Rejected("an id of a reasoning item begins with rs_", f"{path}.id")
    if item.get("encrypted_content", script.SIGNATURE) != script.SIGNATURE:
        raise Rejected("the encrypted content could not be verified", f"{path}.encrypted_content")


def _content(content: Any, role: str, path: str) -> tuple[str, list[Media]]:
    if isinstance(content, str):
        return content, []
    text, media = "", []
    for part in content:
        kind = part["type"]
        if kind in ("input_text", "output_text") and (kind == "output_text") == (role == "assistant"):
            text += script.known(part, {"type", "text", "annotations", "logprobs"}, path)["text"]
        elif kind == "input_image" and role == "user":
            media.append(script.data_url(script.known(part, {"type", "image_url", "detail"}, path)["image_url"], path))
        elif kind == "input_file" and role == "user":
            media.append(script.data_url(script.known(part, {"type", "file_data", "filename"}, path)["file_data"], path))
        else:
            raise Rejected(f"a {role} message takes no {kind}", path)
    return text, media


def _items(said: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        items.append({"type": "reasoning", "id": "rs_scripted", "summary": summary, "encrypted_content": script.SIGNATURE})
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        status = "incomplete" if said.finish == "length" else "completed"
        items.append({"type": "message", "id": "msg_scripted", "status": status, "role": "assistant", "content": [part]})
    for n, call in enumerate(said.calls):
        named = {"type": "function_call", "id": f"fc_{n}", "call_id": call.id, "name": call.name}
        items.append({**named, "arguments": json.dumps(call.arguments), "status": "completed"})
    return items


def whole(said: Said, heard: Heard) -> dict[str, Any]:
    short = said.finish == "length"
    return {
        **_frame(heard),
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": _items(said),
        "usage": {
            "input_tokens": script.UNCACHED + script.CACHED,
            "input_tokens_details": {"cached_tokens": script.CACHED, "cache_write_tokens": 0},
            "output_tokens": said.output,
            "output_tokens_details": {"reasoning_tokens": script.REASONING if said.thought else 0},
            "total_tokens": script.UNCACHED + script.CACHED + said.output,
        },
    }


def _frame(heard: Heard) -> dict[str, Any]:
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": script.CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": heard.system or None,
        "max_output_tokens": heard.max_tokens,
        "model": heard.model,
        "output": [],
        "parallel_tool_calls": heard.parallel,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": heard.temperature or 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def stream(said: Said, heard: Heard) -> list[bytes]:
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _frame(heard)},
        {"type": "response.in_progress", "response": _frame(heard)},
    ]
    for index, item in enumerate(_items(said)):
        at = {"item_id": item["id"], "output_index": index}
        started = {**item, "status": "in_progress", **_EMPTY[item["type"]]}
        if item["type"] == "reasoning":
            del started["status"]
        events.append({"type": "response.output_item.added", "output_index": index, "item": started})
        events += _BODIES[item["type"]](item, at)
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    last = whole(said, heard)
    events.append({"type": f"response.{last['status']}", "response": last})
    return [script.sse({**event, "sequence_number": n}, event["type"]) for n, event in enumerate(events)]


_EMPTY: dict[str, dict[str, Any]] = {"message": {"content": []}, "reasoning": {"summary": []}, "function_call": {"arguments": ""}}


def _message_events(item: dict[str, Any], at: dict[str, Any]) -> list[dict[str, Any]]:
    at = {**at, "content_index": 0}
    part = item["content"][0]
    text = part["text"]
    pieces = [text[n : n + 8] for n in range(0, len(text), 8)]
    return [
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []} for piece in pieces),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
    ]


def _reasoning_events(item: dict[str, Any], at: dict[str, Any]) -> list[dict[str, Any]]:
    at = {**at, "summary_index": 0}
    part = item["summary"][0]
    return [
        {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.reasoning_summary_text.delta", **at, "delta": piece} for piece in script.halves(part["text"])),
        {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]},
        {"type": "response.reasoning_summary_part.done", **at, "part": part},
    ]


def _call_events(item: dict[str, Any], at: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *({"type": "response.function_call_arguments.delta", **at, "delta": piece} for piece in script.halves(item["arguments"])),
        {"type": "response.function_call_arguments.done", **at, "name": item["name"], "arguments": item["arguments"]},
    ]


_BODIES = {"message": _message_events, "reasoning": _reasoning_events, "function_call": _call_events}


def refusal(refused: Refused) -> dict[str, Any]:
    return chat.refusal(refused)
