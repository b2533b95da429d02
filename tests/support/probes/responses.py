"""OpenAI Responses."""

from typing import Any

from proxy.codecs.features import Asked
from tests.support.probes.sample import IMAGE_URL, PDF, PDF_URL, PNG, SCHEMA, SIGNATURES, WAV, Json, Probe, at, data_of, first, shape_of

BASE: Json = {"input": [{"role": "user", "content": "Hello"}], "store": False}


def user(*parts: Json) -> Json:
    return {**BASE, "input": [{"role": "user", "content": list(parts)}]}


def turns(*items: Json) -> Json:
    return {**BASE, "input": [{"role": "user", "content": "Hello"}, *items]}


TOOL = {"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": False}
OTHER = {"type": "function", "name": "time", "parameters": {"type": "object", "properties": {}}, "strict": False}
CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Oslo"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
TEXT = {"type": "input_text", "text": "Hello"}
AGAIN = {"role": "user", "content": "?"}
CITATION = {"type": "url_citation", "url": "https://example.test", "title": "t", "start_index": 0, "end_index": 2}


def tools(*more: Json, **fields: Any) -> Json:
    return {**BASE, "tools": [TOOL, *more], **fields}


def _items(body: Json) -> list[Json]:
    return [item for item in body["input"] if isinstance(item, dict)]


def _calls(body: Json) -> Any:
    return [(item["call_id"], item["name"], item["arguments"]) for item in _items(body) if item.get("type") == "function_call"] or None


def _declared(body: Json) -> Any:
    return [(t["name"], shape_of(t["parameters"])) for t in body.get("tools", ()) if t["type"] == "function"] or None


def _allowed(body: Json) -> Any:
    return [tool["name"] for tool in at("tool_choice", "tools")(body) or ()] or None


def _midway(body: Json) -> Any:
    return next((item["content"] for item in _items(body)[1:] if item.get("role") in ("system", "developer")), None)


def _thinking(provider: str) -> Json:
    signature = SIGNATURES[provider]
    sealed = signature.split(":", 3)[3] if provider == "openai_responses" else f"llm-edge:sig:{signature}"
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": sealed}
    return turns(item, {"role": "assistant", "content": "Hi"}, AGAIN)


def _reasoning(body: Json) -> Any:
    item = next((item for item in _items(body) if item.get("type") == "reasoning"), None)
    return None if item is None else (item["summary"][0]["text"], f"openai_responses:summary:{item['id']}:{item['encrypted_content']}")


def _refusal(body: Json) -> Any:
    return first(body, "refusal")


REQUESTS: dict[Asked, Probe] = {
    Asked.SYSTEM: Probe({**BASE, "instructions": "Be brief."}, "instructions", at("instructions")),
    Asked.SYSTEM_MIDWAY: Probe(
        turns({"role": "assistant", "content": "Hi"}, {"role": "system", "content": "Be brief."}, AGAIN), "input[2]", _midway
    ),
    Asked.TEXT: Probe(BASE, "input[0]", lambda body: _items(body)[0]["content"]),
    Asked.IMAGE_INLINE: Probe(
        user(TEXT, {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}),
        "input[0].content[1]",
        lambda body: data_of(first(body, "image_url")),
    ),
    Asked.IMAGE_URL: Probe(
        user(TEXT, {"type": "input_image", "image_url": IMAGE_URL}), "input[0].content[1]", lambda body: first(body, "image_url")
    ),
    Asked.IMAGE_DETAIL: Probe(
        user(TEXT, {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"}),
        "input[0].content[1].detail",
        lambda body: first(body, "detail"),
    ),
    Asked.DOCUMENT_INLINE: Probe(
        user(TEXT, {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}),
        "input[0].content[1]",
        lambda body: data_of(first(body, "file_data")),
    ),
    Asked.DOCUMENT_URL: Probe(
        user(TEXT, {"type": "input_file", "file_url": PDF_URL}), "input[0].content[1]", lambda body: first(body, "file_url")
    ),
    Asked.DOCUMENT_TITLE: Probe(
        user(TEXT, {"type": "input_file", "filename": "paper", "file_data": f"data:application/pdf;base64,{PDF}"}),
        "input[0].content[1].filename",
        lambda body: first(body, "filename"),
    ),
    Asked.FILE_ID: Probe(
        user(TEXT, {"type": "input_file", "file_id": "file-1"}), "input[0].content[1]", lambda body: first(body, "file_id")
    ),
    Asked.AUDIO_INPUT: Probe(
        user(TEXT, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        "input[0].content[1]",
        lambda body: first(body, "data", format="wav"),
    ),
    Asked.TOOLS: Probe(tools(), "tools[0]", _declared),
    Asked.TOOL_STRICT: Probe(
        {**BASE, "tools": [{**TOOL, "strict": True}]}, "tools[0].strict", lambda body: first(body, "strict", name="weather") or None
    ),
    Asked.CUSTOM_TOOLS: Probe(
        {**BASE, "tools": [{"type": "custom", "name": "sql", "description": "d"}]},
        "tools[0]",
        lambda body: first(body, "name", type="custom"),
    ),
    Asked.PROVIDER_TOOLS: Probe(
        {**BASE, "tools": [{"type": "web_search"}]},
        "tools[0]",
        lambda body: next((t["type"] for t in body.get("tools", ()) if t["type"] not in ("function", "custom")), None),
    ),
    Asked.TOOL_CHOICE_NONE: Probe(tools(tool_choice="none"), "tool_choice", lambda body: body.get("tool_choice") == "none" or None),
    Asked.TOOL_CHOICE_REQUIRED: Probe(
        tools(tool_choice="required"), "tool_choice", lambda body: body.get("tool_choice") == "required" or None
    ),
    Asked.TOOL_CHOICE_NAMED: Probe(
        tools(OTHER, tool_choice={"type": "function", "name": "time"}), "tool_choice", at("tool_choice", "name")
    ),
    Asked.TOOL_CHOICE_ALLOWED: Probe(
        tools(OTHER, tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "time"}]}),
        "tool_choice",
        _allowed,
    ),
    Asked.ONE_CALL_AT_A_TIME: Probe(
        tools(parallel_tool_calls=False), "parallel_tool_calls", lambda body: body.get("parallel_tool_calls") is False or None
    ),
    Asked.TOOL_CALLS: Probe({**turns(CALL, RESULT), "tools": [TOOL]}, "input[1]", _calls),
    Asked.TOOL_RESULTS: Probe({**turns(CALL, RESULT), "tools": [TOOL]}, "input[2]", lambda body: first(body, "output", call_id="call_1")),
    Asked.TOOL_RESULT_IMAGE: Probe(
        {
            **turns(CALL, {**RESULT, "output": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]}),
            "tools": [TOOL],
        },
        "input[2].output[0]",
        lambda body: data_of(first([item for item in _items(body) if "output" in item], "image_url")),
    ),
    Asked.THINKING: Probe(_thinking, "input[1]", _reasoning),
    Asked.THINKING_REDACTED: Probe(
        turns({"type": "reasoning", "id": "rs_edge_1", "summary": [], "encrypted_content": "llm-edge:red:ZGFyaw=="}, AGAIN),
        "input[1]",
        lambda body: next((i["encrypted_content"].removeprefix("llm-edge:red:") for i in _items(body) if i.get("encrypted_content")), None),
    ),
    Asked.THINKING_FOREIGN: Probe(
        turns({"type": "reasoning", "id": "rs_edge_1", "summary": [{"type": "summary_text", "text": "hm"}]}, AGAIN),
        "input[1]",
        lambda body: next((item for item in _items(body) if item.get("type") == "reasoning"), None),
    ),
    Asked.EFFORT: Probe({**BASE, "reasoning": {"effort": "high"}}, "reasoning", at("reasoning", "effort")),
    Asked.THINKING_OFF: Probe(
        {**BASE, "reasoning": {"effort": "none"}}, "reasoning", lambda body: at("reasoning", "effort")(body) == "none" or None
    ),
    Asked.CITATIONS_EARLIER: Probe(
        turns({"role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": [CITATION]}]}, AGAIN),
        "input[1].content[0].annotations",
        lambda body: first(body, "annotations") or None,
    ),
    Asked.REFUSAL_EARLIER: Probe(
        turns({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, AGAIN), "input[1].content[0]", _refusal
    ),
    Asked.JSON_SCHEMA: Probe(
        {**BASE, "text": {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}},
        "text.format",
        lambda body: shape_of(at("text", "format", "schema")(body)),
    ),
    Asked.SCHEMA_LAX: Probe(
        {**BASE, "text": {"format": {"type": "json_schema", "name": "place", "strict": False, "schema": SCHEMA}}},
        "text.format.strict",
        lambda body: at("text", "format", "strict")(body) is False or None,
    ),
    Asked.JSON_OBJECT: Probe(
        {**BASE, "text": {"format": {"type": "json_object"}}},
        "text.format",
        lambda body: at("text", "format", "type")(body) == "json_object" or None,
    ),
    Asked.MAX_TOKENS: Probe({**BASE, "max_output_tokens": 321}, "max_output_tokens", at("max_output_tokens")),
    Asked.TEMPERATURE: Probe({**BASE, "temperature": 0.5}, "temperature", at("temperature")),
    Asked.TEMPERATURE_HIGH: Probe({**BASE, "temperature": 1.5}, "temperature", at("temperature")),
    Asked.TOP_P: Probe({**BASE, "top_p": 0.5}, "top_p", at("top_p")),
    Asked.LOGPROBS: Probe(
        {**BASE, "include": ["message.output_text.logprobs"]},
        "include[0]",
        lambda body: "message.output_text.logprobs" in body.get("include", ()) or None,
    ),
    Asked.USER: Probe({**BASE, "user": "u-1"}, "user", at("user")),
    Asked.SERVICE_TIER: Probe({**BASE, "service_tier": "default"}, "service_tier", at("service_tier")),
    Asked.SERVICE_TIER_FLEX: Probe({**BASE, "service_tier": "flex"}, "service_tier", at("service_tier")),
    Asked.METADATA: Probe({**BASE, "metadata": {"team": "a"}}, "metadata", at("metadata")),
    Asked.PROMPT_CACHE_KEY: Probe({**BASE, "prompt_cache_key": "k"}, "prompt_cache_key", at("prompt_cache_key")),
    Asked.VERBOSITY: Probe({**BASE, "text": {"verbosity": "low"}}, "text.verbosity", at("text", "verbosity")),
}
