"""Google's generateContent. Source: ai.google.dev, "generateContent", "Function calling", "Thought signatures", read 2026-11-25."""

import base64
import re
from dataclasses import replace
from typing import Any

from tests.support.scripted import script
from tests.support.scripted.script import Call, Heard, Media, Refused, Rejected, Result, Said, Turn

_TOP = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels"}
_CONFIG = script.fields(
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty responseLogprobs logprobs"
    " responseMimeType responseSchema responseJsonSchema responseModalities thinkingConfig mediaResolution"
)
_SCHEMA = script.fields(
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength maxLength"
    " pattern example anyOf propertyOrdering default items minimum maximum"
)
"""Google's own Schema knows no other keyword; `parametersJsonSchema` and `responseJsonSchema` take any."""
BYPASS = "skip_thought_signature_validator"
_TAKEN = (script.SIGNATURE, BYPASS, base64.b64encode(BYPASS.encode()).decode())
"""Signatures: its own, and the documented bypass, as it is and as Google's SDK encodes it."""


def read(body: Any, model: str, *, stream: bool) -> Heard:
    """Raises Rejected."""
    body = script.known(_camel(body), _TOP, "")
    heard = Heard("gemini", model, _turns(script.need(body, "contents", list, "body")), stream=stream)
    heard.system = "\n".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", []))
    for tool in body.get("tools", []):
        for declared in script.known(tool, {"functionDeclarations"}, "tools").get("functionDeclarations", []):
            script.known(declared, {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema"}, "tools")
            plain = declared.get("parameters")
            if plain is not None:
                _own_schema(plain, "tools.parameters")
            heard.tools[declared["name"]] = plain or declared.get("parametersJsonSchema") or {"type": "object"}
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    script.known(calling, {"mode", "allowedFunctionNames"}, "toolConfig")
    allowed = calling.get("allowedFunctionNames", [])
    heard.choice = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": allowed[0] if len(allowed) == 1 else "required"}[
        calling.get("mode", "AUTO")
    ]
    _config(script.known(body.get("generationConfig", {}), _CONFIG, "generationConfig"), heard)
    if re.match(r"gemini-3", model):
        _signed(body["contents"])
    return heard


_FREE = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "enum"}
"""Members whose inside is the client's own."""


def _camel(value: Any) -> Any:
    """The API takes both spellings of its fields; Google's own SDK mixes them."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, one in value.items():
        name = re.sub("_([a-z])", lambda found: found[1].upper(), key)
        if name == "properties" and isinstance(one, dict):
            out[name] = {own: _camel(schema) for own, schema in one.items()}
        else:
            out[name] = one if name in _FREE else _camel(one)
    return out


def _config(config: dict[str, Any], heard: Heard) -> None:
    if "responseSchema" in config or "responseJsonSchema" in config:
        if config.get("responseMimeType") != "application/json":
            raise Rejected("a schema needs responseMimeType application/json", "generationConfig.responseMimeType")
        if "responseSchema" in config:
            _own_schema(config["responseSchema"], "generationConfig.responseSchema")
        heard.schema = config.get("responseSchema", config.get("responseJsonSchema"))
    heard.max_tokens = config.get("maxOutputTokens")
    heard.temperature = config.get("temperature")
    heard.stop = config.get("stopSequences", [])
    thinking = config.get("thinkingConfig", {})
    script.known(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, "generationConfig.thinkingConfig")
    heard.thinking = bool(thinking.get("includeThoughts"))


def _own_schema(schema: Any, path: str) -> None:
    for key, value in script.known(schema, _SCHEMA, path).items():
        if key == "properties":
            for name, one in value.items():
                _own_schema(one, f"{path}.{name}")
        elif key == "items":
            _own_schema(value, f"{path}.items")
        elif key == "anyOf":
            for one in value:
                _own_schema(one, f"{path}.anyOf")


def _signed(contents: list[Any]) -> None:
    """Gemini 3: the first call of each step of the current turn carries its signature."""
    for content in reversed(contents):
        if content.get("role") == "model":
            first = next((part for part in content["parts"] if "functionCall" in part), None)
            if first is not None and first.get("thoughtSignature") not in _TAKEN:
                raise Rejected("Function call is missing a thought_signature in functionCall parts", "contents")
        elif not any("functionResponse" in part for part in content["parts"]):
            return


def _turns(contents: list[Any]) -> list[Turn]:
    turns: list[Turn] = []
    for i, content in enumerate(contents):
        path = f"contents[{i}]"
        role = script.known(content, {"role", "parts"}, path).get("role", "user")
        if role not in ("user", "model"):
            raise Rejected("Please use a valid role: user, model.", path)
        if not content.get("parts"):
            raise Rejected("contents.parts must not be empty", path)
        mine: Any = "assistant" if role == "model" else "user"
        if not turns or turns[-1].role != mine:
            turns.append(Turn(mine))
        for n, part in enumerate(content["parts"]):
            _part(part, turns, f"{path}.parts[{n}]")
    for at, turn in enumerate(turns):
        asked = turns[at - 1].calls if at else []
        if [result.name for result in turn.results] != [call.name for call in asked]:
            raise Rejected("the number of function response parts must be equal to that of the function calls, by name", "contents")
        turn.results = [replace(result, id=result.id or call.id) for result, call in zip(turn.results, asked, strict=True)]
    return turns


def _part(part: Any, turns: list[Turn], path: str) -> None:
    """A part has one datum; calls without an id are numbered."""
    turn = turns[-1]
    datum = part.keys() - {"thought", "thoughtSignature"}
    if part.get("thoughtSignature", script.SIGNATURE) not in _TAKEN:
        raise Rejected("Thought signature is not valid", path)
    if len(datum) != 1:
        raise Rejected(f"exactly one datum must be set: {sorted(datum)}", path)
    (kind,) = datum
    value = part[kind]
    if kind == "text":
        if part.get("thought"):
            turn.thinking.append(value)
        else:
            turn.text += value
    elif kind == "inlineData" and turn.role == "user":
        script.known(value, {"mimeType", "data", "displayName"}, path)
        # both alphabets of base64 are taken, as in all JSON of protocol buffers
        turn.media.append(script.media(value["mimeType"], value["data"].translate(str.maketrans("-_", "+/")), path))
    elif kind == "fileData" and turn.role == "user":
        turn.media.append(Media(script.known(value, {"mimeType", "fileUri"}, path).get("mimeType", "url"), None))
    elif kind == "functionCall" and turn.role == "assistant":
        script.known(value, {"id", "name", "args"}, path)
        turn.calls.append(Call(value.get("id") or f"#{len(turns)}.{len(turn.calls)}", value["name"], value.get("args", {})))
    elif kind == "functionResponse" and turn.role == "user":
        script.known(value, {"id", "name", "response", "parts"}, path)
        given = script.need(value, "response", dict, path)
        text = given.get("output", given.get("result", given.get("error", given)))
        turn.results.append(Result(value.get("id", ""), text if isinstance(text, str) else str(text), value["name"], "error" in given))
    else:
        raise Rejected(f"a {turn.role} content takes no {kind}", path)


def _parts(said: Said, heard: Heard) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    if said.text:
        parts.append({"text": said.text})
    for n, call in enumerate(said.calls):
        part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
        if n == 0 and (said.thought or heard.model.startswith("gemini-3")):
            part["thoughtSignature"] = script.SIGNATURE
        parts.append(part)
    return parts


def whole(said: Said, heard: Heard) -> dict[str, Any]:
    return _answer(_parts(said, heard), said, heard, last=True)


def _answer(parts: list[dict[str, Any]], said: Said, heard: Heard, *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    thought = script.REASONING if said.thought else 0
    usage = {"promptTokenCount": script.UNCACHED + script.CACHED, "cachedContentTokenCount": script.CACHED}
    if last:
        candidate["finishReason"] = "MAX_TOKENS" if said.finish == "length" else "STOP"
        usage |= {"candidatesTokenCount": said.output - thought, "totalTokenCount": usage["promptTokenCount"] + said.output}
        if thought:
            usage["thoughtsTokenCount"] = thought
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": heard.model, "responseId": "scripted"}


def stream(said: Said, heard: Heard) -> list[bytes]:
    """Each call whole in a chunk of its own, as the API sends them; text and thoughts in pieces."""
    groups: list[list[dict[str, Any]]] = []
    for part in _parts(said, heard):
        if part.get("thought"):
            groups += [[{"text": piece, "thought": True}] for piece in script.halves(said.thought)]
        elif "text" in part:
            groups += [[{"text": piece}] for piece in said.pieces]
        else:
            groups.append([part])
    return [script.sse(_answer(group, said, heard, last=n == len(groups))) for n, group in enumerate(groups, 1)]


def refusal(refused: Refused) -> dict[str, Any]:
    status = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}[refused.status]
    error: dict[str, Any] = {"code": refused.status, "message": refused.message, "status": status}
    if refused.retry_after_s:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refused.retry_after_s}s"}]
    return {"error": error}
