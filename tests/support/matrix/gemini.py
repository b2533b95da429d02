"""A client of Gemini's generateContent."""

import json
from urllib.parse import quote

from tests.support.matrix.got import PARAMETERS, PNG_BASE64, SCHEMA, TOOL, WORDS, Call, Fault, Got, Json, sse


def ask(case: str, model: str, *, stream: bool) -> tuple[str, Json]:
    parts: list[Json] = [{"text": WORDS[case]}]
    body: Json = {}
    if case in ("tools", "parallel"):
        body["tools"] = [{"functionDeclarations": [{"name": TOOL, "description": "d", "parametersJsonSchema": PARAMETERS}]}]
    if case == "image":
        parts.append({"inlineData": {"mimeType": "image/png", "data": PNG_BASE64}})
    if case == "structured":
        body["generationConfig"] = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    path = f"/v1beta/models/{quote(model, safe='')}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    return path, body | {"contents": [{"role": "user", "parts": parts}]}


def go_on(body: Json, got: Got, results: list[str]) -> Json:
    said = [{"text": got.text}] if got.text else []
    calls = [{"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}} for call in got.calls]
    told = [
        {"functionResponse": {"id": call.id, "name": call.name, "response": {"output": text}}}
        for call, text in zip(got.calls, results, strict=True)
    ]
    turns = [{"role": "model", "parts": [*said, *calls]}, {"role": "user", "parts": told}]
    return body | {"contents": [*body["contents"], *turns]}


def whole(body: Json) -> Got:
    got = Got()
    _add(got, body)
    assert got.ended
    return got


def _add(got: Got, body: Json) -> None:
    (candidate,) = body["candidates"]
    content = candidate.get("content", {})
    assert content.get("role", "model") == "model"
    for part in content.get("parts", ()):
        got.text += part.get("text", "")
        if "functionCall" in part:
            call = part["functionCall"]
            assert isinstance(call["args"], dict)
            got.calls.append(Call(call["id"], call["name"], call["args"]))
    if "finishReason" in candidate:
        assert candidate["finishReason"] == "STOP"
        got.finish, got.ended = "calls" if got.calls else "stop", True
    if "usageMetadata" in body:
        usage = body["usageMetadata"]
        got.prompt, got.cached = usage["promptTokenCount"], usage.get("cachedContentTokenCount") or 0
        got.output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        assert not got.ended or usage["totalTokenCount"] == got.prompt + got.output


def streamed(raw: bytes) -> Got:
    """Each event goes on where the last one ended; the finish reason and the counts are in the last; or an error ends it."""
    got = Got()
    for name, data in sse(raw):
        assert name is None
        got.must_be_open()
        event = json.loads(data)
        if "error" in event:
            got.fault = fault(event)
        else:
            _add(got, event)
    return got


def fault(body: Json) -> Fault:
    error = body["error"]
    assert error.keys() >= {"code", "message", "status"}
    return Fault(error["status"], error["message"])
