"""An OpenAI chat client."""

import json
from typing import Any

from tests.support.matrix.got import PARAMETERS, PNG_BASE64, SCHEMA, TOOL, WORDS, Call, Fault, Got, Json, parsed, sse

FINISHES = {"stop": "stop", "tool_calls": "calls"}


def ask(case: str, model: str, *, stream: bool) -> tuple[str, Json]:
    """(path, body)."""
    content: Any = WORDS[case]
    body: Json = {"model": model}
    if case in ("tools", "parallel"):
        body["tools"] = [{"type": "function", "function": {"name": TOOL, "description": "d", "parameters": PARAMETERS}}]
    if case == "image":
        url = {"url": f"data:image/png;base64,{PNG_BASE64}"}
        content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": url}]
    if case == "structured":
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return "/v1/chat/completions", body | {"messages": [{"role": "user", "content": content}]}


def go_on(body: Json, got: Got, results: list[str]) -> Json:
    """The next turn, with the calls and their results."""
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}} for call in got.calls
    ]
    told = [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(got.calls, results, strict=True)]
    return body | {"messages": [*body["messages"], {"role": "assistant", "content": got.text or None, "tool_calls": calls}, *told]}


def whole(body: Json) -> Got:
    assert (body["object"], len(body["choices"])) == ("chat.completion", 1)
    assert body["id"].startswith("chatcmpl-")
    assert isinstance(body["created"], int)
    choice = body["choices"][0]
    message = choice["message"]
    assert message["role"] == "assistant"
    calls = [Call(c["id"], c["function"]["name"], parsed(c["function"]["arguments"])) for c in message.get("tool_calls") or ()]
    got = Got(message["content"] or "", calls, FINISHES[choice["finish_reason"]], ended=True)
    _count(got, body["usage"])
    return got


def _count(got: Got, usage: Json) -> None:
    got.prompt, got.output = usage["prompt_tokens"], usage["completion_tokens"]
    got.cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert usage["total_tokens"] == got.prompt + got.output


def streamed(raw: bytes) -> Got:
    """One role, ids and names once a call, one finish, then usage, then `[DONE]`; or an error and nothing after it."""
    got, ids, calls = Got(), set(), dict[int, Json]()
    events = [data for _, data in sse(raw)]
    for number, data in enumerate(events):
        got.must_be_open()
        if data == "[DONE]":
            got.ended = True
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            got.fault = fault(chunk)
            continue
        ids.add((chunk["id"], chunk["model"], chunk["object"]))
        if not chunk["choices"]:
            assert got.finish is not None
            _count(got, chunk["usage"])
            continue
        (choice,) = chunk["choices"]
        assert got.finish is None, "content after the finish"
        delta = choice["delta"]
        assert ("role" in delta) == (number == 0)
        got.text += delta.get("content") or ""
        for piece in delta.get("tool_calls") or ():
            _add(calls, piece)
        if choice["finish_reason"] is not None:
            got.finish = FINISHES[choice["finish_reason"]]
    assert len(ids) == 1
    assert list(calls) == list(range(len(calls)))
    got.calls = [Call(c["id"], c["name"], parsed(c["arguments"])) for c in calls.values()] if got.ended else []
    return got


def _add(calls: dict[int, Json], piece: Json) -> None:
    index, function = piece["index"], piece.get("function", {})
    if index not in calls:
        calls[index] = {"id": piece["id"], "name": function["name"], "arguments": ""}
    else:
        assert not piece.get("id")
        assert not function.get("name")
    calls[index]["arguments"] += function.get("arguments", "")


def fault(body: Json) -> Fault:
    error = body["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    return Fault(error["type"], error["message"])
