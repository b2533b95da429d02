"""OpenAI chat."""

from typing import Any

from proxy.codecs.features import Asked
from tests.support.probes.sample import IMAGE_URL, PDF, PNG, SCHEMA, WAV, Json, Probe, at, data_of, first, shape_of, walk

BASE: Json = {"messages": [{"role": "user", "content": "Hello"}]}


def user(*parts: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def turns(*messages: Json) -> Json:
    return {"messages": [{"role": "user", "content": "Hello"}, *messages]}


def tool(**more: Any) -> Json:
    return {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA, **more}}


def tools(*more: Json, **fields: Any) -> Json:
    return {**BASE, "tools": [tool(), *more], **fields}


OTHER = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
TEXT = {"type": "text", "text": "Hello"}
CUSTOM = {"type": "custom", "custom": {"name": "sql", "description": "d"}}


def _calls(body: Json) -> Any:
    found = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found if "function" in call] or None


def _declared(body: Json) -> Any:
    return [(t["function"]["name"], shape_of(t["function"]["parameters"])) for t in body.get("tools", ()) if "function" in t] or None


def _allowed(body: Json) -> Any:
    return [t["function"]["name"] for t in at("tool_choice", "allowed_tools", "tools")(body) or ()] or None


def _system(at_index: int) -> Any:
    def find(body: Json) -> Any:
        messages = body["messages"]
        return messages[at_index]["content"] if messages[at_index]["role"] in ("system", "developer") else None

    return find


def _result_image(body: Json) -> Any:
    return data_of(first([m for m in body["messages"] if m["role"] == "tool"], "url"))


def _custom(body: Json) -> Any:
    return next((t["custom"]["name"] for t in body.get("tools", ()) if t.get("type") == "custom"), None)


def _refusal(body: Json) -> Any:
    return next((obj["refusal"] for obj in walk(body) if obj.get("refusal")), None)


REQUESTS: dict[Asked, Probe] = {
    Asked.SYSTEM: Probe({"messages": [{"role": "system", "content": "Be brief."}, *BASE["messages"]]}, "messages[0]", _system(0)),
    Asked.SYSTEM_MIDWAY: Probe(
        turns({"role": "assistant", "content": "Hi"}, {"role": "system", "content": "Be brief."}, {"role": "user", "content": "?"}),
        "messages[2]",
        _system(2),
    ),
    Asked.SPEAKER_NAME: Probe(
        {"messages": [{"role": "user", "name": "ann", "content": "Hello"}]}, "messages[0].name", at("messages", 0, "name")
    ),
    Asked.TEXT: Probe(BASE, "messages[0]", lambda body: body["messages"][0]["content"]),
    Asked.IMAGE_INLINE: Probe(
        user(TEXT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
        "messages[0].content[1]",
        lambda body: data_of(first(body, "url")),
    ),
    Asked.IMAGE_URL: Probe(
        user(TEXT, {"type": "image_url", "image_url": {"url": IMAGE_URL}}), "messages[0].content[1]", lambda body: first(body, "url")
    ),
    Asked.IMAGE_DETAIL: Probe(
        user(TEXT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}),
        "messages[0].content[1].image_url.detail",
        lambda body: first(body, "detail"),
    ),
    Asked.DOCUMENT_INLINE: Probe(
        user(TEXT, {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}),
        "messages[0].content[1]",
        lambda body: data_of(first(body, "file_data")),
    ),
    Asked.DOCUMENT_TITLE: Probe(
        user(TEXT, {"type": "file", "file": {"filename": "paper", "file_data": f"data:application/pdf;base64,{PDF}"}}),
        "messages[0].content[1].file.filename",
        lambda body: first(body, "filename"),
    ),
    Asked.FILE_ID: Probe(
        user(TEXT, {"type": "file", "file": {"file_id": "file-1"}}), "messages[0].content[1]", lambda body: first(body, "file_id")
    ),
    Asked.AUDIO_INPUT: Probe(
        user(TEXT, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        "messages[0].content[1]",
        lambda body: first(body, "data", format="wav"),
    ),
    Asked.TOOLS: Probe(tools(), "tools[0]", _declared),
    Asked.TOOL_STRICT: Probe({**BASE, "tools": [tool(strict=True)]}, "tools[0].function.strict", lambda body: first(body, "strict")),
    Asked.CUSTOM_TOOLS: Probe({**BASE, "tools": [CUSTOM]}, "tools[0]", _custom),
    Asked.TOOL_CHOICE_NONE: Probe(tools(tool_choice="none"), "tool_choice", lambda body: body.get("tool_choice") == "none" or None),
    Asked.TOOL_CHOICE_REQUIRED: Probe(
        tools(tool_choice="required"), "tool_choice", lambda body: body.get("tool_choice") == "required" or None
    ),
    Asked.TOOL_CHOICE_NAMED: Probe(
        tools(OTHER, tool_choice={"type": "function", "function": {"name": "time"}}), "tool_choice", at("tool_choice", "function", "name")
    ),
    Asked.TOOL_CHOICE_ALLOWED: Probe(
        tools(
            OTHER,
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "time"}}]},
            },
        ),
        "tool_choice",
        _allowed,
    ),
    Asked.ONE_CALL_AT_A_TIME: Probe(
        tools(parallel_tool_calls=False), "parallel_tool_calls", lambda body: body.get("parallel_tool_calls") is False or None
    ),
    Asked.TOOL_CALLS: Probe({**turns(CALL, RESULT), "tools": [tool()]}, "messages[1].tool_calls[0]", _calls),
    Asked.TOOL_RESULTS: Probe(
        {**turns(CALL, RESULT), "tools": [tool()]}, "messages[2]", lambda body: first(body, "content", tool_call_id="call_1")
    ),
    Asked.THINKING: Probe({}, "", lambda body: None),
    Asked.EFFORT: Probe({**BASE, "reasoning_effort": "high"}, "reasoning_effort", at("reasoning_effort")),
    Asked.THINKING_OFF: Probe(
        {**BASE, "reasoning_effort": "none"}, "reasoning_effort", lambda body: body.get("reasoning_effort") == "none" or None
    ),
    Asked.THINKING_FOREIGN: Probe(
        {
            "messages": [
                *turns({"role": "assistant", "content": "Hi", "reasoning_content": "hm"})["messages"],
                {"role": "user", "content": "?"},
            ]
        },
        "messages[1].reasoning_content",
        lambda body: first(body, "reasoning_content"),
    ),
    Asked.CACHE_CONTROL: Probe(
        user({**TEXT, "cache_control": {"type": "ephemeral"}}),
        "messages[0].content[0].cache_control",
        lambda body: first(body, "cache_control") is not None or None,
    ),
    Asked.REFUSAL_EARLIER: Probe(
        turns({"role": "assistant", "content": None, "refusal": "No."}, {"role": "user", "content": "?"}), "messages[1].refusal", _refusal
    ),
    Asked.JSON_SCHEMA: Probe(
        {**BASE, "response_format": {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}},
        "response_format",
        lambda body: shape_of(at("response_format", "json_schema", "schema")(body)),
    ),
    Asked.SCHEMA_LAX: Probe(
        {**BASE, "response_format": {"type": "json_schema", "json_schema": {"name": "place", "strict": False, "schema": SCHEMA}}},
        "response_format.json_schema.strict",
        lambda body: at("response_format", "json_schema", "strict")(body) is False or None,
    ),
    Asked.JSON_OBJECT: Probe(
        {**BASE, "response_format": {"type": "json_object"}},
        "response_format",
        lambda body: at("response_format", "type")(body) == "json_object" or None,
    ),
    Asked.MAX_TOKENS: Probe(
        {**BASE, "max_tokens": 321}, "max_tokens", lambda body: body.get("max_completion_tokens") or body.get("max_tokens")
    ),
    Asked.TEMPERATURE: Probe({**BASE, "temperature": 0.5}, "temperature", at("temperature")),
    Asked.TEMPERATURE_HIGH: Probe({**BASE, "temperature": 1.5}, "temperature", at("temperature")),
    Asked.TOP_P: Probe({**BASE, "top_p": 0.5}, "top_p", at("top_p")),
    Asked.TOP_K: Probe({**BASE, "top_k": 7}, "top_k", at("top_k")),
    Asked.STOP: Probe({**BASE, "stop": ["END"]}, "stop", at("stop")),
    Asked.SEED: Probe({**BASE, "seed": 7}, "seed", at("seed")),
    Asked.CHOICES: Probe({**BASE, "n": 2}, "n", at("n")),
    Asked.PENALTIES: Probe({**BASE, "frequency_penalty": 0.5}, "frequency_penalty", at("frequency_penalty")),
    Asked.LOGIT_BIAS: Probe({**BASE, "logit_bias": {"50": -1}}, "logit_bias", at("logit_bias")),
    Asked.LOGPROBS: Probe({**BASE, "logprobs": True}, "logprobs", at("logprobs")),
    Asked.USER: Probe({**BASE, "user": "u-1"}, "user", at("user")),
    Asked.SERVICE_TIER: Probe({**BASE, "service_tier": "default"}, "service_tier", at("service_tier")),
    Asked.SERVICE_TIER_FLEX: Probe({**BASE, "service_tier": "flex"}, "service_tier", at("service_tier")),
    Asked.METADATA: Probe({**BASE, "metadata": {"team": "a"}}, "metadata", at("metadata")),
    Asked.PROMPT_CACHE_KEY: Probe({**BASE, "prompt_cache_key": "k"}, "prompt_cache_key", at("prompt_cache_key")),
    Asked.VERBOSITY: Probe({**BASE, "verbosity": "low"}, "verbosity", at("verbosity")),
    Asked.TOOL_RESULT_IMAGE: Probe({}, "", _result_image),
    Asked.DOCUMENT_URL: Probe({}, "", lambda body: first(body, "file_data")),
    Asked.CITATIONS_EARLIER: Probe({}, "", lambda body: first(body, "annotations")),
    Asked.PROVIDER_TOOLS: Probe({}, "", lambda body: next((t["type"] for t in body.get("tools", ()) if t["type"] != "function"), None)),
}
"""Those with an empty body are what this dialect's requests cannot say; `find` looks whether a provider of it gets one nevertheless."""
