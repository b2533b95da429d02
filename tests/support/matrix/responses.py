"""An OpenAI Responses client."""

import json
from typing import Any

from tests.support.matrix import chat
from tests.support.matrix.got import PARAMETERS, PNG_BASE64, SCHEMA, TOOL, WORDS, Call, Fault, Got, Json, parsed, sse


def ask(case: str, model: str, *, stream: bool) -> tuple[str, Json]:
    content: Any = WORDS[case]
    body: Json = {"model": model, "store": False}
    if case in ("tools", "parallel"):
        body["tools"] = [{"type": "function", "name": TOOL, "description": "d", "parameters": PARAMETERS, "strict": True}]
    if case == "image":
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG_BASE64}", "detail": "auto"}
        content = [{"type": "input_text", "text": content}, image]
    if case == "structured":
        body["text"] = {"format": {"type": "json_schema", "name": "person", "strict": True, "schema": SCHEMA}}
    if stream:
        body["stream"] = True
    return "/v1/responses", body | {"input": [{"role": "user", "content": content}]}


def go_on(body: Json, got: Got, results: list[str]) -> Json:
    said = [{"role": "assistant", "content": got.text}] if got.text else []
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)} for call in got.calls
    ]
    told = [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in zip(got.calls, results, strict=True)]
    return body | {"input": [*body["input"], *said, *calls, *told]}


def whole(body: Json) -> Got:
    assert (body["object"], body["status"], body["error"]) == ("response", "completed", None)
    assert body["id"].startswith("resp_")
    got = Got(finish="stop", ended=True)
    for item in body["output"]:
        assert item["id"]
        if item["type"] == "message":
            assert item["role"] == "assistant"
            got.text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
        elif item["type"] == "function_call":
            got.calls.append(Call(item["call_id"], item["name"], parsed(item["arguments"])))
            got.finish = "calls"
    usage = body["usage"]
    got.prompt, got.output, got.cached = usage["input_tokens"], usage["output_tokens"], usage["input_tokens_details"]["cached_tokens"]
    assert usage["total_tokens"] == got.prompt + got.output
    return got


def streamed(raw: bytes) -> Got:
    """Numbered from 0; each item is added and done once, with its deltas between; the terminal event repeats them all."""
    events = [(name, json.loads(data)) for name, data in sse(raw)]
    assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
    assert all(name == event["type"] for name, event in events)
    assert [name for name, _ in events[:2]] == ["response.created", "response.in_progress"]
    added: dict[int, Json] = {}
    done: dict[int, Json] = {}
    deltas: dict[int, str] = {}
    got = Got()
    for name, event in events[2:]:
        got.must_be_open()
        if name == "error":
            got.fault = Fault(event["code"] or "", event["message"])
        elif name == "response.completed":
            assert event["response"]["output"] == [done[index] for index in sorted(done)]
            assert added.keys() == done.keys()
            got = whole(event["response"])
        else:
            _follow(str(name), event, added, done, deltas)
    if got.ended:
        assert "".join(deltas[index] for index, item in sorted(done.items()) if item["type"] == "message") == got.text
    else:
        got.text = "".join(deltas.values())
    return got


def _follow(name: str, event: Json, added: dict[int, Json], done: dict[int, Json], deltas: dict[int, str]) -> None:
    index = event["output_index"]
    if name == "response.output_item.added":
        assert index == len(added)
        added[index], deltas[index] = event["item"], ""
        return
    assert index in added.keys() - done.keys(), "an event outside of its item"
    if name == "response.output_item.done":
        assert event["item"]["id"] == added[index]["id"]
        done[index] = event["item"]
        if event["item"]["type"] == "function_call":
            assert event["item"]["arguments"] == deltas[index]
        return
    assert event["item_id"] == added[index]["id"]
    if name in ("response.output_text.delta", "response.function_call_arguments.delta"):
        deltas[index] += event["delta"]
    else:
        assert name in (
            "response.content_part.added",
            "response.content_part.done",
            "response.output_text.done",
            "response.function_call_arguments.done",
        )


fault = chat.fault
