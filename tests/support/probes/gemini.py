"""Gemini's generateContent."""

import base64
from typing import Any

from proxy.codecs.features import Asked
from tests.support.probes.sample import IMAGE_URL, PDF, PDF_URL, PNG, SCHEMA, SIGNATURES, WAV, Json, Probe, at, first, shape_of, walk

BASE: Json = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
FILE = "https://generativelanguage.googleapis.com/v1beta/files/1"


def user(*parts: Json) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}, *parts]}]}


def turns(*contents: Json) -> Json:
    return {"contents": [*BASE["contents"], *contents]}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


TOOL = {"name": "weather", "description": "d", "parametersJsonSchema": SCHEMA}
OTHER = {"name": "time"}
CALL = model({"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Oslo"}}})
AGAIN = {"role": "user", "parts": [{"text": "?"}]}


def result(response: Json, **more: Any) -> Json:
    return {"role": "user", "parts": [{"functionResponse": {"id": "call_1", "name": "weather", "response": response, **more}}]}


def tools(*more: Json, **calling: Any) -> Json:
    config = {"toolConfig": {"functionCallingConfig": calling}} if calling else {}
    return {**BASE, "tools": [{"functionDeclarations": [TOOL, *more]}], **config}


def config(**fields: Any) -> Json:
    return {**BASE, "generationConfig": fields}


def inline(kind: str, data: str) -> Json:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _inline(kind: str) -> Any:
    return lambda body: first(body, "data", mimeType=kind)


def _calling(body: Json) -> Json:
    return at("toolConfig", "functionCallingConfig")(body) or {}


def _calls(body: Json) -> Any:
    found = [part["functionCall"] for part in walk(body["contents"]) if "functionCall" in part]
    return [(call["id"], call["name"], str(call["args"]).replace("'", '"').replace(": ", ":")) for call in found] or None


def _declared(body: Json) -> Any:
    found = first(body, "functionDeclarations") or ()
    return [(tool["name"], shape_of(tool.get("parametersJsonSchema") or tool.get("parameters"))) for tool in found] or None


def _wrapped(prefix: bytes, text: str) -> str:
    return base64.b64encode(prefix + text.encode()).decode()


def _thinking(provider: str) -> Json:
    signature = SIGNATURES[provider]
    wire = signature.removeprefix("gemini:") if provider == "gemini_generate" else _wrapped(b"\0llm-edge:", signature)
    return turns(model({"text": "hm", "thought": True, "thoughtSignature": wire}, {"text": "Hi"}), AGAIN)


def _thought(body: Json) -> Any:
    part = next((part for part in walk(body["contents"]) if part.get("thought")), None)
    return None if part is None else (part["text"], "gemini:" + part.get("thoughtSignature", ""))


def _schema(body: Json) -> Any:
    given = at("generationConfig")(body) or {}
    return shape_of(given.get("responseJsonSchema") or given.get("responseSchema"))


def _part_of_result(body: Json) -> Any:
    return first(first(body["contents"], "functionResponse"), "data")


REQUESTS: dict[Asked, Probe] = {
    Asked.SYSTEM: Probe(
        {**BASE, "systemInstruction": {"parts": [{"text": "Be brief."}]}}, "systemInstruction", at("systemInstruction", "parts", 0, "text")
    ),
    Asked.TEXT: Probe(BASE, "contents[0]", at("contents", 0, "parts", 0, "text")),
    Asked.IMAGE_INLINE: Probe(user(inline("image/png", PNG)), "contents[0].parts[1]", _inline("image/png")),
    Asked.IMAGE_URL: Probe(
        user({"fileData": {"mimeType": "image/png", "fileUri": IMAGE_URL}}), "contents[0].parts[1]", lambda body: first(body, "fileUri")
    ),
    Asked.DOCUMENT_INLINE: Probe(user(inline("application/pdf", PDF)), "contents[0].parts[1]", _inline("application/pdf")),
    Asked.DOCUMENT_URL: Probe(
        user({"fileData": {"mimeType": "application/pdf", "fileUri": PDF_URL}}), "contents[0].parts[1]", lambda body: first(body, "fileUri")
    ),
    Asked.FILE_ID: Probe(
        user({"fileData": {"mimeType": "application/pdf", "fileUri": FILE}}), "contents[0].parts[1]", lambda body: first(body, "fileUri")
    ),
    Asked.AUDIO_INPUT: Probe(user(inline("audio/wav", WAV)), "contents[0].parts[1]", _inline("audio/wav")),
    Asked.TOOLS: Probe(tools(), "tools[0].functionDeclarations[0]", _declared),
    Asked.TOOL_STRICT: Probe({}, "", lambda body: _calling(body).get("mode") == "VALIDATED" or None),
    Asked.PROVIDER_TOOLS: Probe(
        {**BASE, "tools": [{"googleSearch": {}}]}, "tools[0].googleSearch", lambda body: first(body, "googleSearch")
    ),
    Asked.TOOL_CHOICE_NONE: Probe(
        tools(mode="NONE"), "toolConfig.functionCallingConfig", lambda body: _calling(body).get("mode") == "NONE" or None
    ),
    Asked.TOOL_CHOICE_REQUIRED: Probe(
        tools(mode="ANY"), "toolConfig.functionCallingConfig", lambda body: _calling(body).get("mode") == "ANY" or None
    ),
    Asked.TOOL_CHOICE_NAMED: Probe(
        tools(OTHER, mode="ANY", allowedFunctionNames=["time"]),
        "toolConfig.functionCallingConfig",
        at("toolConfig", "functionCallingConfig", "allowedFunctionNames", 0),
    ),
    Asked.TOOL_CHOICE_ALLOWED: Probe(
        tools(OTHER, mode="AUTO", allowedFunctionNames=["time"]),
        "toolConfig.functionCallingConfig",
        at("toolConfig", "functionCallingConfig", "allowedFunctionNames"),
    ),
    Asked.TOOL_CALLS: Probe({**turns(CALL, result({"output": "rain"})), **{"tools": tools()["tools"]}}, "contents[1].parts[0]", _calls),
    Asked.TOOL_RESULTS: Probe(
        {**turns(CALL, result({"output": "rain"})), **{"tools": tools()["tools"]}},
        "contents[2].parts[0]",
        lambda body: at("response", "output")(first(body["contents"], "functionResponse")),
    ),
    Asked.TOOL_RESULT_IMAGE: Probe(
        {**turns(CALL, result({}, parts=[inline("image/png", PNG)])), **{"tools": tools()["tools"]}},
        "contents[2].parts[0].functionResponse.parts[0]",
        _part_of_result,
    ),
    Asked.TOOL_RESULT_ERROR: Probe(
        {**turns(CALL, result({"error": "rain"})), **{"tools": tools()["tools"]}},
        "contents[2].parts[0].functionResponse.response.error",
        lambda body: "error" in (at("response")(first(body["contents"], "functionResponse")) or {}) or None,
    ),
    Asked.THINKING: Probe(_thinking, "contents[1].parts[0]", _thought),
    Asked.THINKING_FOREIGN: Probe(
        turns(model({"text": "hm", "thought": True, "thoughtSignature": _wrapped(b"\0llm-edge:", "other:1")}, {"text": "Hi"}), AGAIN),
        "contents[1].parts[0]",
        _thought,
    ),
    Asked.THINKING_REDACTED: Probe(
        turns(
            model({"text": "", "thought": True, "thoughtSignature": _wrapped(b"\0llm-edge-redacted:", "ZGFyaw==")}, {"text": "Hi"}), AGAIN
        ),
        "contents[1].parts[0]",
        lambda body: next(
            (base64.b64decode(p["thoughtSignature"]).rpartition(b":")[2].decode() for p in walk(body["contents"]) if p.get("thought")), None
        ),
    ),
    Asked.EFFORT: Probe(
        config(thinkingConfig={"thinkingLevel": "HIGH"}),
        "generationConfig.thinkingConfig",
        lambda body: (at("generationConfig", "thinkingConfig", "thinkingLevel")(body) or "").lower() or None,
    ),
    Asked.THINKING_BUDGET: Probe(
        config(thinkingConfig={"thinkingBudget": 9000}),
        "generationConfig.thinkingConfig",
        at("generationConfig", "thinkingConfig", "thinkingBudget"),
    ),
    Asked.THINKING_OFF: Probe(
        config(thinkingConfig={"thinkingBudget": 0}),
        "generationConfig.thinkingConfig",
        lambda body: at("generationConfig", "thinkingConfig", "thinkingBudget")(body) == 0 or None,
    ),
    Asked.JSON_SCHEMA: Probe(
        config(responseMimeType="application/json", responseJsonSchema=SCHEMA), "generationConfig.responseJsonSchema", _schema
    ),
    Asked.JSON_OBJECT: Probe(
        config(responseMimeType="application/json"),
        "generationConfig.responseMimeType",
        lambda body: at("generationConfig", "responseMimeType")(body) == "application/json" or None,
    ),
    Asked.MAX_TOKENS: Probe(config(maxOutputTokens=321), "generationConfig.maxOutputTokens", at("generationConfig", "maxOutputTokens")),
    Asked.TEMPERATURE: Probe(config(temperature=0.5), "generationConfig.temperature", at("generationConfig", "temperature")),
    Asked.TEMPERATURE_HIGH: Probe(config(temperature=1.5), "generationConfig.temperature", at("generationConfig", "temperature")),
    Asked.TOP_P: Probe(config(topP=0.5), "generationConfig.topP", at("generationConfig", "topP")),
    Asked.TOP_K: Probe(config(topK=7), "generationConfig.topK", at("generationConfig", "topK")),
    Asked.STOP: Probe(config(stopSequences=["END"]), "generationConfig.stopSequences", at("generationConfig", "stopSequences")),
    Asked.SEED: Probe(config(seed=7), "generationConfig.seed", at("generationConfig", "seed")),
    Asked.CHOICES: Probe(config(candidateCount=2), "generationConfig.candidateCount", at("generationConfig", "candidateCount")),
    Asked.PENALTIES: Probe(config(frequencyPenalty=0.5), "generationConfig.frequencyPenalty", at("generationConfig", "frequencyPenalty")),
    Asked.LOGPROBS: Probe(config(responseLogprobs=True), "generationConfig.responseLogprobs", at("generationConfig", "responseLogprobs")),
    Asked.SERVICE_TIER: Probe(
        {**BASE, "serviceTier": "standard"}, "serviceTier", lambda body: {"standard": "default"}.get(body.get("serviceTier", ""))
    ),
    Asked.SERVICE_TIER_FLEX: Probe({**BASE, "serviceTier": "flex"}, "serviceTier", at("serviceTier")),
    Asked.METADATA: Probe({**BASE, "labels": {"team": "a"}}, "labels", at("labels")),
}
