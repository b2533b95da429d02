"""Bedrock Converse."""

import base64
from typing import Any

from proxy.codecs.features import Asked
from tests.support.probes.sample import PDF, PNG, SCHEMA, SIGNATURES, WAV, Json, Probe, at, first, shape_of, walk

BASE: Json = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


def user(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": [{"text": "Hello"}, *blocks]}]}


def turns(*messages: Json) -> Json:
    return {"messages": [*BASE["messages"], *messages]}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def spec(name: str, schema: Json, **more: Any) -> Json:
    return {"toolSpec": {"name": name, "description": "d", "inputSchema": {"json": schema}, **more}}


TOOL = spec("weather", SCHEMA)
OTHER = spec("time", {"type": "object", "properties": {}})
CALL = assistant({"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Oslo"}}})
AGAIN = {"role": "user", "content": [{"text": "?"}]}
MORE = "additionalModelRequestFields"


def result(*content: Json, **more: Any) -> Json:
    return {"role": "user", "content": [{"toolResult": {"toolUseId": "call_1", "content": list(content), **more}}]}


def tools(*more: Json, **config: Any) -> Json:
    return {**BASE, "toolConfig": {"tools": [TOOL, *more], **config}}


def document(**fields: Any) -> Json:
    return user({"document": {"format": "pdf", "name": "document", "source": {"bytes": PDF}, **fields}})


def inference(**fields: Any) -> Json:
    return {**BASE, "inferenceConfig": fields}


def _member(body: Any, kind: str) -> Any:
    return first(body, kind)


def _calls(body: Json) -> Any:
    found = [block["toolUse"] for block in walk(body["messages"]) if "toolUse" in block]
    return [(call["toolUseId"], call["name"], str(call["input"]).replace("'", '"').replace(": ", ":")) for call in found] or None


def _declared(body: Json) -> Any:
    found = [tool["toolSpec"] for tool in at("toolConfig", "tools")(body) or () if "toolSpec" in tool]
    return [(tool["name"], shape_of(tool["inputSchema"]["json"])) for tool in found] or None


def _thinking(provider: str) -> Json:
    block = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": SIGNATURES[provider]}}}
    return turns(assistant(block, {"text": "Hi"}), AGAIN)


def _thought(body: Json) -> Any:
    found = first(body["messages"], "reasoningText")
    return None if found is None else (found["text"], found["signature"])


def _schema(body: Json) -> Any:
    text = at("outputConfig", "textFormat", "structure", "jsonSchema", "schema")(body)
    return None if text is None else shape_of(__import__("json").loads(text))


def _text_document(body: Json) -> Any:
    found = _member(body, "document")
    if found is None:
        return None
    given = found["source"]
    return given.get("text") or base64.b64decode(given["bytes"]).decode("latin-1")


REQUESTS: dict[Asked, Probe] = {
    Asked.SYSTEM: Probe({**BASE, "system": [{"text": "Be brief."}]}, "system", at("system", 0, "text")),
    Asked.SYSTEM_MIDWAY: Probe(
        turns(assistant({"text": "Hi"}), {"role": "system", "content": [{"text": "Be brief."}]}, AGAIN),
        "messages[2]",
        lambda body: next((message["content"][0]["text"] for message in body["messages"] if message["role"] == "system"), None),
    ),
    Asked.TEXT: Probe(BASE, "messages[0]", at("messages", 0, "content", 0, "text")),
    Asked.IMAGE_INLINE: Probe(
        user({"image": {"format": "png", "source": {"bytes": PNG}}}),
        "messages[0].content[1]",
        lambda body: at("source", "bytes")(_member(body, "image")),
    ),
    Asked.DOCUMENT_INLINE: Probe(document(), "messages[0].content[1]", lambda body: at("source", "bytes")(_member(body, "document"))),
    Asked.DOCUMENT_TEXT: Probe(
        user({"document": {"format": "txt", "name": "document", "source": {"text": "Once upon a time"}}}),
        "messages[0].content[1]",
        _text_document,
    ),
    Asked.DOCUMENT_TITLE: Probe(
        document(name="paper"), "messages[0].content[1].document.name", lambda body: at("name")(_member(body, "document"))
    ),
    Asked.DOCUMENT_CONTEXT: Probe(
        document(context="of 1999"), "messages[0].content[1].document.context", lambda body: first(body, "context")
    ),
    Asked.AUDIO_INPUT: Probe(
        user({"audio": {"format": "wav", "source": {"bytes": WAV}}}),
        "messages[0].content[1]",
        lambda body: at("source", "bytes")(_member(body, "audio")),
    ),
    Asked.TOOLS: Probe(tools(), "toolConfig.tools[0]", _declared),
    Asked.TOOL_STRICT: Probe(
        {**BASE, "toolConfig": {"tools": [spec("weather", SCHEMA, strict=True)]}},
        "toolConfig.tools[0].toolSpec.strict",
        lambda body: first(body, "strict"),
    ),
    Asked.PROVIDER_TOOLS: Probe(
        {**BASE, "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
        "toolConfig.tools[0]",
        lambda body: first(body, "systemTool"),
    ),
    Asked.TOOL_CHOICE_REQUIRED: Probe(
        tools(toolChoice={"any": {}}),
        "toolConfig.toolChoice",
        lambda body: at("toolConfig", "toolChoice", "any")(body) is not None or None,
    ),
    Asked.TOOL_CHOICE_NAMED: Probe(
        tools(OTHER, toolChoice={"tool": {"name": "time"}}), "toolConfig.toolChoice", at("toolConfig", "toolChoice", "tool", "name")
    ),
    Asked.TOOL_CALLS: Probe({**turns(CALL, result({"text": "rain"})), "toolConfig": {"tools": [TOOL]}}, "messages[1].content[0]", _calls),
    Asked.TOOL_RESULTS: Probe(
        {**turns(CALL, result({"text": "rain"})), "toolConfig": {"tools": [TOOL]}},
        "messages[2].content[0]",
        lambda body: at("content", 0, "text")(_member(body["messages"], "toolResult")),
    ),
    Asked.TOOL_RESULT_IMAGE: Probe(
        {**turns(CALL, result({"image": {"format": "png", "source": {"bytes": PNG}}})), "toolConfig": {"tools": [TOOL]}},
        "messages[2].content[0].toolResult.content[0]",
        lambda body: first(_member(body["messages"], "toolResult"), "bytes"),
    ),
    Asked.TOOL_RESULT_ERROR: Probe(
        {**turns(CALL, result({"text": "rain"}, status="error")), "toolConfig": {"tools": [TOOL]}},
        "messages[2].content[0].toolResult.status",
        lambda body: (_member(body["messages"], "toolResult") or {}).get("status") == "error" or None,
    ),
    Asked.THINKING: Probe(_thinking, "messages[1].content[0]", _thought),
    Asked.THINKING_FOREIGN: Probe(
        turns(assistant({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "other:1"}}}, {"text": "Hi"}), AGAIN),
        "messages[1].content[0]",
        _thought,
    ),
    Asked.THINKING_REDACTED: Probe(
        turns(assistant({"reasoningContent": {"redactedContent": base64.b64encode(b"ZGFyaw==").decode()}}, {"text": "Hi"}), AGAIN),
        "messages[1].content[0]",
        lambda body: None if (data := first(body, "redactedContent")) is None else base64.b64decode(data).decode(),
    ),
    Asked.EFFORT: Probe({**BASE, "outputConfig": {"effort": "high"}}, "outputConfig.effort", at("outputConfig", "effort")),
    Asked.THINKING_BUDGET: Probe(
        {**inference(maxTokens=20000), MORE: {"thinking": {"type": "enabled", "budget_tokens": 9000}}},
        f"{MORE}.thinking",
        at(MORE, "thinking", "budget_tokens"),
    ),
    Asked.THINKING_OFF: Probe(
        {**BASE, MORE: {"thinking": {"type": "disabled"}}},
        f"{MORE}.thinking",
        lambda body: at(MORE, "thinking", "type")(body) in (None, "disabled") or None,
    ),
    Asked.CACHE_CONTROL: Probe(
        user({"cachePoint": {"type": "default"}}), "messages[0].content[1]", lambda body: _member(body, "cachePoint") is not None or None
    ),
    Asked.CITATIONS_ASKED: Probe(
        document(citations={"enabled": True}), "messages[0].content[1].document.citations", lambda body: first(body, "enabled")
    ),
    Asked.CITATIONS_EARLIER: Probe(
        turns(assistant({"citationsContent": {"content": [{"text": "Hi"}], "citations": [{"title": "t"}]}}), AGAIN),
        "messages[1].content[0].citationsContent.citations",
        lambda body: _member(body, "citationsContent"),
    ),
    Asked.JSON_SCHEMA: Probe(
        {
            **BASE,
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"name": "place", "schema": __import__("json").dumps(SCHEMA)}},
                }
            },
        },
        "outputConfig.textFormat",
        _schema,
    ),
    Asked.MAX_TOKENS: Probe(inference(maxTokens=321), "inferenceConfig.maxTokens", at("inferenceConfig", "maxTokens")),
    Asked.TEMPERATURE: Probe(inference(temperature=0.5), "inferenceConfig.temperature", at("inferenceConfig", "temperature")),
    Asked.TOP_P: Probe(inference(topP=0.5), "inferenceConfig.topP", at("inferenceConfig", "topP")),
    Asked.TOP_K: Probe({**BASE, MORE: {"top_k": 7}}, f"{MORE}.top_k", at(MORE, "top_k")),
    Asked.STOP: Probe(inference(stopSequences=["END"]), "inferenceConfig.stopSequences", at("inferenceConfig", "stopSequences")),
    Asked.SERVICE_TIER: Probe({**BASE, "serviceTier": {"type": "default"}}, "serviceTier.type", at("serviceTier", "type")),
    Asked.SERVICE_TIER_FLEX: Probe({**BASE, "serviceTier": {"type": "flex"}}, "serviceTier.type", at("serviceTier", "type")),
    Asked.METADATA: Probe({**BASE, "requestMetadata": {"team": "a"}}, "requestMetadata", at("requestMetadata")),
}
