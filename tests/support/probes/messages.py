"""Anthropic Messages."""

from typing import Any

from proxy.codecs.features import Asked
from tests.support.probes.sample import IMAGE_URL, PDF, PDF_URL, PNG, SCHEMA, SIGNATURES, Json, Probe, at, first, shape_of, walk

BASE: Json = {"max_tokens": 1000, "messages": [{"role": "user", "content": "Hello"}]}


def user(*blocks: Json) -> Json:
    return {**BASE, "messages": [{"role": "user", "content": list(blocks)}]}


def turns(*messages: Json) -> Json:
    return {**BASE, "messages": [{"role": "user", "content": "Hello"}, *messages]}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


TOOL = {"name": "weather", "description": "d", "input_schema": SCHEMA}
OTHER = {"name": "time", "input_schema": {"type": "object", "properties": {}}}
CALL = assistant({"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}})
TEXT = {"type": "text", "text": "Hello"}
AGAIN = {"role": "user", "content": "?"}
PDF_SOURCE = {"type": "base64", "media_type": "application/pdf", "data": PDF}
CITATION = {"type": "char_location", "cited_text": "c", "document_index": 0, "start_char_index": 0, "end_char_index": 1}


def result(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": content, **more}]}


def tools(*more: Json, **fields: Any) -> Json:
    return {**BASE, "tools": [TOOL, *more], **fields}


def document(source: Json, **more: Any) -> Json:
    return user(TEXT, {"type": "document", "source": source, **more})


def source(body: Json, block: str, **fields: Any) -> Any:
    return next(
        (s for s in (first([o], "source", type=block) for o in walk(body)) if s and all(s.get(k) == v for k, v in fields.items())), None
    )


def _data(body: Json, block: str) -> Any:
    found = source(body, block, type="base64")
    return None if found is None else found["data"]


def _url(body: Json, block: str) -> Any:
    found = source(body, block, type="url")
    return None if found is None else found["url"]


def _calls(body: Json) -> Any:
    found = [block for block in walk(body["messages"]) if block.get("type") == "tool_use"]
    return [(block["id"], block["name"], str(block["input"]).replace("'", '"').replace(": ", ":")) for block in found] or None


def _declared(body: Json) -> Any:
    return [(tool["name"], shape_of(tool["input_schema"])) for tool in body.get("tools", ()) if "input_schema" in tool] or None


def _midway(body: Json) -> Any:
    return next((message["content"] for message in body["messages"] if message["role"] == "system"), None)


def _thinking(provider: str) -> Json:
    block = {"type": "thinking", "thinking": "hm", "signature": SIGNATURES[provider]}
    return turns(assistant(block, {"type": "text", "text": "Hi"}), AGAIN)


def _thought(body: Json) -> Any:
    block = next((block for block in walk(body["messages"]) if block.get("type") == "thinking"), None)
    return None if block is None else (block["thinking"], block["signature"])


def _error(body: Json) -> Any:
    return first(body["messages"], "is_error") or None


def _image_of_result(body: Json) -> Any:
    return _data({"messages": [block for block in walk(body["messages"]) if block.get("type") == "tool_result"]}, "image")


REQUESTS: dict[Asked, Probe] = {
    Asked.SYSTEM: Probe({**BASE, "system": "Be brief."}, "system", at("system")),
    Asked.SYSTEM_MIDWAY: Probe(
        turns(assistant({"type": "text", "text": "Hi"}), {"role": "system", "content": "Be brief."}, AGAIN), "messages[2]", _midway
    ),
    Asked.TEXT: Probe(BASE, "messages[0]", lambda body: body["messages"][0]["content"]),
    Asked.IMAGE_INLINE: Probe(
        user(TEXT, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
        "messages[0].content[1]",
        lambda body: _data(body, "image"),
    ),
    Asked.IMAGE_URL: Probe(
        user(TEXT, {"type": "image", "source": {"type": "url", "url": IMAGE_URL}}),
        "messages[0].content[1]",
        lambda body: _url(body, "image"),
    ),
    Asked.DOCUMENT_INLINE: Probe(document(PDF_SOURCE), "messages[0].content[1]", lambda body: _data(body, "document")),
    Asked.DOCUMENT_TEXT: Probe(
        document({"type": "text", "media_type": "text/plain", "data": "Once upon a time"}),
        "messages[0].content[1]",
        lambda body: (source(body, "document", type="text") or {}).get("data"),
    ),
    Asked.DOCUMENT_URL: Probe(document({"type": "url", "url": PDF_URL}), "messages[0].content[1]", lambda body: _url(body, "document")),
    Asked.DOCUMENT_TITLE: Probe(
        document(PDF_SOURCE, title="paper"), "messages[0].content[1].title", lambda body: first(body, "title", type="document")
    ),
    Asked.DOCUMENT_CONTEXT: Probe(
        document(PDF_SOURCE, context="of 1999"), "messages[0].content[1].context", lambda body: first(body, "context")
    ),
    Asked.FILE_ID: Probe(document({"type": "file", "file_id": "file-1"}), "messages[0].content[1]", lambda body: first(body, "file_id")),
    Asked.TOOLS: Probe(tools(), "tools[0]", _declared),
    Asked.TOOL_STRICT: Probe({**BASE, "tools": [{**TOOL, "strict": True}]}, "tools[0].strict", lambda body: first(body, "strict")),
    Asked.PROVIDER_TOOLS: Probe(
        {**BASE, "tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "tools[0]",
        lambda body: next((tool["type"] for tool in body.get("tools", ()) if "type" in tool), None),
    ),
    Asked.TOOL_CHOICE_NONE: Probe(
        tools(tool_choice={"type": "none"}), "tool_choice", lambda body: at("tool_choice", "type")(body) == "none" or None
    ),
    Asked.TOOL_CHOICE_REQUIRED: Probe(
        tools(tool_choice={"type": "any"}), "tool_choice", lambda body: at("tool_choice", "type")(body) == "any" or None
    ),
    Asked.TOOL_CHOICE_NAMED: Probe(tools(OTHER, tool_choice={"type": "tool", "name": "time"}), "tool_choice", at("tool_choice", "name")),
    Asked.ONE_CALL_AT_A_TIME: Probe(
        tools(tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
        "tool_choice.disable_parallel_tool_use",
        at("tool_choice", "disable_parallel_tool_use"),
    ),
    Asked.TOOL_CALLS: Probe({**turns(CALL, result("rain")), "tools": [TOOL]}, "messages[1].content[0]", _calls),
    Asked.TOOL_RESULTS: Probe(
        {**turns(CALL, result("rain")), "tools": [TOOL]},
        "messages[2].content[0]",
        lambda body: first(body, "content", tool_use_id="call_1"),
    ),
    Asked.TOOL_RESULT_IMAGE: Probe(
        {
            **turns(CALL, result([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}])),
            "tools": [TOOL],
        },
        "messages[2].content[0].content[0]",
        _image_of_result,
    ),
    Asked.TOOL_RESULT_ERROR: Probe(
        {**turns(CALL, result("rain", is_error=True)), "tools": [TOOL]}, "messages[2].content[0].is_error", _error
    ),
    Asked.THINKING: Probe(_thinking, "messages[1].content[0]", _thought),
    Asked.THINKING_FOREIGN: Probe(
        turns(assistant({"type": "thinking", "thinking": "hm", "signature": "other:1"}, {"type": "text", "text": "Hi"}), AGAIN),
        "messages[1].content[0]",
        _thought,
    ),
    Asked.THINKING_REDACTED: Probe(
        turns(assistant({"type": "redacted_thinking", "data": "ZGFyaw=="}, {"type": "text", "text": "Hi"}), AGAIN),
        "messages[1].content[0]",
        lambda body: first(body, "data", type="redacted_thinking"),
    ),
    Asked.EFFORT: Probe({**BASE, "output_config": {"effort": "high"}}, "output_config.effort", at("output_config", "effort")),
    Asked.THINKING_BUDGET: Probe(
        {**BASE, "max_tokens": 20000, "thinking": {"type": "enabled", "budget_tokens": 9000}}, "thinking", at("thinking", "budget_tokens")
    ),
    Asked.THINKING_OFF: Probe(
        {**BASE, "thinking": {"type": "disabled"}}, "thinking", lambda body: at("thinking", "type")(body) in (None, "disabled") or None
    ),
    Asked.CACHE_CONTROL: Probe(
        user({**TEXT, "cache_control": {"type": "ephemeral"}}),
        "messages[0].content[0].cache_control",
        lambda body: first(body, "cache_control") is not None or None,
    ),
    Asked.CITATIONS_ASKED: Probe(
        document(PDF_SOURCE, citations={"enabled": True}), "messages[0].content[1].citations", lambda body: first(body, "enabled")
    ),
    Asked.CITATIONS_EARLIER: Probe(
        turns(assistant({"type": "text", "text": "Hi", "citations": [CITATION]}), AGAIN),
        "messages[1].content[0].citations",
        lambda body: first(body["messages"], "citations", type="text"),
    ),
    Asked.JSON_SCHEMA: Probe(
        {**BASE, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        "output_config.format",
        lambda body: shape_of(at("output_config", "format", "schema")(body)),
    ),
    Asked.MAX_TOKENS: Probe({**BASE, "max_tokens": 321}, "max_tokens", at("max_tokens")),
    Asked.TEMPERATURE: Probe({**BASE, "temperature": 0.5}, "temperature", at("temperature")),
    Asked.TOP_P: Probe({**BASE, "top_p": 0.5}, "top_p", at("top_p")),
    Asked.TOP_K: Probe({**BASE, "top_k": 7}, "top_k", at("top_k")),
    Asked.STOP: Probe({**BASE, "stop_sequences": ["END"]}, "stop_sequences", at("stop_sequences")),
    Asked.USER: Probe({**BASE, "metadata": {"user_id": "u-1"}}, "metadata.user_id", at("metadata", "user_id")),
    Asked.SERVICE_TIER: Probe(
        {**BASE, "service_tier": "standard_only"},
        "service_tier",
        lambda body: {"standard_only": "default"}.get(body.get("service_tier", "")),
    ),
}
