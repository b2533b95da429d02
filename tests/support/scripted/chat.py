"""OpenAI chat completions. Source: OpenAI API reference, "Create chat completion" and its stream object, read 2026-11-25.

What OpenAI's own SDK leaves in the messages that it hands back (`parsed`, `index`) is taken, as OpenAI takes it.
Reasoning is `reasoning_content`, as DeepSeek and vLLM send it; OpenAI's own models show none.
"""

import json
from typing import Any

from tests.support.scripted import script
from tests.support.scripted.script import Call, Heard, Media, Refused, Rejected, Result, Said, Turn

_TOP = script.fields(
    "model messages tools tool_choice parallel_tool_calls response_format stream stream_options max_tokens max_completion_tokens"
    " temperature top_p stop n seed user logprobs top_logprobs frequency_penalty presence_penalty logit_bias reasoning_effort"
    " service_tier metadata store verbosity modalities prompt_cache_key safety_identifier"
)
_MESSAGE = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {
        "role",
        "content",
        "name",
        "tool_calls",
        "refusal",
        "reasoning_content",
        "annotations",
        "audio",
        "function_call",
        "parsed",
    },
    "tool": {"role", "content", "tool_call_id"},
}


def read(body: Any) -> Heard:
    """Raises Rejected."""
    body = script.known(body, _TOP, "")
    heard = Heard("chat", script.need(body, "model", str, "body"), _turns(script.need(body, "messages", list, "body")))
    heard.system = "\n".join(
        _content(m, f"messages[{i}]")[0] for i, m in enumerate(body["messages"]) if m["role"] in ("system", "developer")
    )
    for i, tool in enumerate(body.get("tools") or []):
        function = script.known(
            script.known(tool, {"type", "function"}, f"tools[{i}]")["function"],
            {"name", "description", "parameters", "strict"},
            f"tools[{i}]",
        )
        heard.tools[function["name"]] = script.strict_parameters(function)
    choice = body.get("tool_choice", "auto")
    heard.choice = choice["function"]["name"] if isinstance(choice, dict) else choice
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        heard.schema = script.known(wanted["json_schema"], {"name", "description", "schema", "strict"}, "response_format.json_schema")[
            "schema"
        ]
    if ("max_tokens" in body and "max_completion_tokens" in body) or ("tool_choice" in body and "tools" not in body):
        raise Rejected("fields that exclude each other", "max_tokens")
    heard.max_tokens = body.get("max_completion_tokens", body.get("max_tokens"))
    heard.parallel = body.get("parallel_tool_calls", True)
    heard.thinking = body.get("reasoning_effort", "none") != "none"
    heard.stream = body.get("stream", False)
    if "stream_options" in body and not heard.stream:
        raise Rejected("stream_options without stream", "stream_options")
    heard.usage_asked = bool((body.get("stream_options") or {}).get("include_usage"))
    heard.temperature = body.get("temperature")
    heard.stop = [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or []
    return heard


def _turns(messages: list[Any]) -> list[Turn]:
    turns: list[Turn] = []
    for i, message in enumerate(messages):
        path = f"messages[{i}]"
        role = message.get("role")
        if role not in _MESSAGE:
            raise Rejected(f"unknown role {role!r}", f"{path}.role")
        script.known(message, _MESSAGE[role], path)
        if role in ("system", "developer"):
            continue
        text, media = _content(message, path)
        if role == "assistant":
            if not text and not message.get("tool_calls"):
                raise Rejected("an assistant message needs content or calls", path)
            turns.append(Turn("assistant", text, calls=[_call(call, f"{path}.tool_calls") for call in message.get("tool_calls") or []]))
            continue
        if not turns or turns[-1].role != "user":
            turns.append(Turn("user"))
        if role == "tool":
            if turns[-1].text:
                raise Rejected("a tool message must follow its call", path)
            turns[-1].results.append(Result(script.need(message, "tool_call_id", str, path), text))
        else:
            turns[-1].text += text
            turns[-1].media += media
    return turns


def _call(call: Any, path: str) -> Call:
    if script.known(call, {"id", "type", "function", "index"}, path).get("type") != "function":
        raise Rejected("type must be function", path)
    function = script.known(call["function"], {"name", "arguments", "parsed_arguments"}, path)
    return Call(script.need(call, "id", str, path), function["name"], script.arguments(function["arguments"], path))


def _content(message: dict[str, Any], path: str) -> tuple[str, list[Media]]:
    content = message.get("content")
    if content is None and message["role"] != "assistant":
        raise Rejected("content is missing", f"{path}.content")
    if content is None or isinstance(content, str):
        return content or "", []
    text, media = "", []
    if not content:
        raise Rejected("content is empty", f"{path}.content")
    for part in content:
        kind = part["type"]
        if kind == "text":
            text += script.known(part, {"type", "text"}, path)["text"]
        elif kind == "image_url" and message["role"] == "user":
            media.append(script.data_url(script.known(part["image_url"], {"url", "detail"}, path)["url"], path))
        elif kind == "file" and message["role"] == "user":
            media.append(script.data_url(script.known(part["file"], {"file_data", "filename"}, path)["file_data"], path))
        else:
            raise Rejected(f"a {message['role']} message takes no {kind}", path)
    return text, media


def usage(said: Said) -> dict[str, Any]:
    prompt = script.UNCACHED + script.CACHED
    return {
        "prompt_tokens": prompt,
        "completion_tokens": said.output,
        "total_tokens": prompt + said.output,
        "prompt_tokens_details": {"cached_tokens": script.CACHED, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": script.REASONING if said.thought else 0, "audio_tokens": 0},
    }


def _finish(said: Said) -> str:
    return {"stop": "stop", "length": "length", "calls": "tool_calls"}[said.finish]


def whole(said: Said, heard: Heard) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": []}
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
            for call in said.calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
    return {**_frame(heard), "object": "chat.completion", "choices": [choice], "usage": usage(said)}


def stream(said: Said, heard: Heard) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return script.sse({**_frame(heard), "object": "chat.completion.chunk", "choices": [choice]})

    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    events += [chunk({"reasoning_content": piece}) for piece in script.halves(said.thought) if piece]
    events += [chunk({"content": piece}) for piece in said.pieces]
    for index, call in enumerate(said.calls):
        start = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        events.append(chunk({"tool_calls": [start]}))
        events += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in script.halves(json.dumps(call.arguments))
        ]
    events.append(chunk({}, _finish(said)))
    if heard.usage_asked:
        events.append(script.sse({**_frame(heard), "object": "chat.completion.chunk", "choices": [], "usage": usage(said)}))
    return [*events, script.sse("[DONE]")]


def _frame(heard: Heard) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "created": script.CREATED, "model": heard.model, "service_tier": "default"}


def refusal(refused: Refused) -> dict[str, Any]:
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}[refused.status]
    return {
        "error": {
            "message": refused.message,
            "type": kind,
            "param": refused.param,
            "code": "rate_limit_exceeded" if refused.status == 429 else None,
        }
    }
