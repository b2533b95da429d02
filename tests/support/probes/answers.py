"""What providers' answers say, whole, in each of the five dialects; and where a client's answer says it."""

import base64
import json
from typing import Any

from proxy.codecs.features import Answered
from tests.support.probes.sample import PNG, WAV, Json, Probe, at, first, walk

TEXT = "It rains."
CALLS = [("call_1", "weather", '{"city":"Oslo"}'), ("call_2", "weather", '{"city":"Rome"}')]
OPENAI_LOGPROBS = {"content": [{"token": TEXT, "logprob": -0.5, "bytes": list(TEXT.encode()), "top_logprobs": []}]}
SIGNATURE = "EqQBCkgIChABGAIiQA=="
DARK = "ZGFyaw=="
URL = "https://example.test"


def _given(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# OpenAI chat


def chat(message: Json | None = None, finish: str = "stop", usage: Json | None = None, **more: Any) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT, **(message or {})}, "logprobs": None, "finish_reason": finish}
    counts = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29, **(usage or {})}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": counts, **more}


def _chat_calls(body: Json) -> Any:
    calls = [call for call in at("choices", 0, "message", "tool_calls")(body) or () if call["type"] == "function"]
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] or None


def _chat_logprobs(body: Json) -> Any:
    return at("choices", 0, "logprobs", "content", 0, "logprob")(body)


_message = ("choices", 0, "message")
_chat_calls_sent = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in CALLS]
_two = [{"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"} for i, t in enumerate((TEXT, "It snows."))]
_URL_CITATION = {"url": URL, "title": "t", "start_index": 0, "end_index": 2}
CHAT: dict[Answered, Probe] = {
    Answered.TEXT: Probe(chat(), "", at(*_message, "content")),
    Answered.TOOL_CALLS: Probe(chat({"content": None, "tool_calls": _chat_calls_sent}, "tool_calls"), "", _chat_calls),
    Answered.CUSTOM_CALLS: Probe(
        chat(
            {"content": None, "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select"}}]},
            "tool_calls",
        ),
        "",
        lambda body: next(((c["id"], c["custom"]["name"], c["custom"]["input"]) for c in walk(body) if "custom" in c), None),
    ),
    Answered.REFUSAL: Probe(chat({"content": None, "refusal": "No."}), "", at(*_message, "refusal")),
    Answered.THINKING: Probe(chat({"reasoning_content": "hm"}), "", at(*_message, "reasoning_content")),
    Answered.CITATIONS: Probe(
        chat({"annotations": [{"type": "url_citation", "url_citation": _URL_CITATION}]}), "", lambda body: first(body, "url", title="t")
    ),
    Answered.LOGPROBS: Probe(chat(choices=[{**chat()["choices"][0], "logprobs": OPENAI_LOGPROBS}]), "", _chat_logprobs),
    Answered.CHOICES: Probe(chat(choices=_two), "", at("choices", 1, "message", "content")),
    Answered.AUDIO: Probe(
        chat({"content": None, "audio": {"id": "a", "data": WAV, "expires_at": 1, "transcript": TEXT}}), "", at(*_message, "audio", "data")
    ),
    Answered.STOP: Probe(chat(), "", lambda body: at("choices", 0, "finish_reason")(body) == "stop" or None),
    Answered.LENGTH: Probe(chat(finish="length"), "", lambda body: at("choices", 0, "finish_reason")(body) == "length" or None),
    Answered.CALLS_WAIT: Probe(
        chat({"content": None, "tool_calls": _chat_calls_sent}, "tool_calls"),
        "",
        lambda body: at("choices", 0, "finish_reason")(body) == "tool_calls" or None,
    ),
    Answered.FILTERED: Probe(
        chat(finish="content_filter"), "", lambda body: at("choices", 0, "finish_reason")(body) == "content_filter" or None
    ),
    Answered.USAGE: Probe(chat(), "", lambda body: (at("usage", "prompt_tokens")(body), at("usage", "completion_tokens")(body))),
    Answered.USAGE_CACHED: Probe(
        chat(usage={"prompt_tokens_details": {"cached_tokens": 5}}), "", lambda body: first(body, "cached_tokens") or None
    ),
    Answered.USAGE_CACHE_WRITE: Probe(
        chat(usage={"prompt_tokens_details": {"cache_write_tokens": 4}}), "", lambda body: first(body, "cache_write_tokens") or None
    ),
    Answered.USAGE_REASONING: Probe(
        chat(usage={"completion_tokens_details": {"reasoning_tokens": 3}}), "", lambda body: first(body, "reasoning_tokens") or None
    ),
    Answered.USAGE_AUDIO: Probe(
        chat(usage={"prompt_tokens_details": {"audio_tokens": 2}}),
        "",
        lambda body: at("usage", "prompt_tokens_details", "audio_tokens")(body) or None,
    ),
    Answered.SERVICE_TIER: Probe(chat(service_tier="default"), "", at("service_tier")),
}

# OpenAI Responses


def responses(*items: Json, usage: Json | None = None, **more: Any) -> Json:
    counts = {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29, **(usage or {})}
    output = list(items) or [said()]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "output": output,
        "usage": counts,
        **more,
    }


def said(**part: Any) -> Json:
    content = [{"type": "output_text", "text": TEXT, "annotations": [], "logprobs": [], **part}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def _items(body: Json, kind: str) -> list[Json]:
    return [item for item in body["output"] if item["type"] == kind]


def _responses_calls(body: Json) -> Any:
    return [(item["call_id"], item["name"], item["arguments"]) for item in _items(body, "function_call")] or None


def _reasoning(body: Json, key: str) -> Any:
    return next((item.get(key) for item in _items(body, "reasoning")), None)


def _sealed(body: Json) -> Any:
    return (_reasoning(body, "encrypted_content") or "").removeprefix("llm-edge:sig:") or None


_responses_calls_sent = [
    {"type": "function_call", "id": f"fc_{i}", "call_id": i, "name": n, "arguments": a, "status": "completed"} for i, n, a in CALLS
]
RESPONSES: dict[Answered, Probe] = {
    Answered.TEXT: Probe(responses(), "", lambda body: first(_items(body, "message"), "text")),
    Answered.TOOL_CALLS: Probe(responses(*_responses_calls_sent), "", _responses_calls),
    Answered.CUSTOM_CALLS: Probe(
        responses(
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "sql", "input": "select", "status": "completed"}
        ),
        "",
        lambda body: next(((i["call_id"], i["name"], i["input"]) for i in _items(body, "custom_tool_call")), None),
    ),
    Answered.PROVIDER_CALLS: Probe(
        responses({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}, said()),
        "",
        lambda body: next((item["id"] for item in body["output"] if item["type"] == "web_search_call"), None),
    ),
    Answered.REFUSAL: Probe(
        responses({**said(), "content": [{"type": "refusal", "refusal": "No."}]}), "", lambda body: first(body["output"], "refusal")
    ),
    Answered.THINKING: Probe(
        responses({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}, said()),
        "",
        lambda body: first(_reasoning(body, "summary") or [], "text"),
    ),
    Answered.SIGNATURE: Probe(
        responses(
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"}, said()
        ),
        "",
        _sealed,
    ),
    Answered.REDACTED: Probe({}, "", lambda body: (_reasoning(body, "encrypted_content") or "").removeprefix("llm-edge:red:") or None),
    Answered.CITATIONS: Probe(
        responses(said(annotations=[{"type": "url_citation", **_URL_CITATION}])), "", lambda body: first(body, "url", title="t")
    ),
    Answered.LOGPROBS: Probe(
        responses(said(logprobs=OPENAI_LOGPROBS["content"])), "", lambda body: first(_items(body, "message"), "logprob")
    ),
    Answered.STOP: Probe(responses(), "", lambda body: body["status"] == "completed" or None),
    Answered.LENGTH: Probe(
        responses(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "",
        lambda body: at("incomplete_details", "reason")(body) == "max_output_tokens" or None,
    ),
    Answered.CALLS_WAIT: Probe(
        responses(*_responses_calls_sent), "", lambda body: (body["status"] == "completed" and bool(_items(body, "function_call"))) or None
    ),
    Answered.FILTERED: Probe(
        responses(status="incomplete", incomplete_details={"reason": "content_filter"}),
        "",
        lambda body: at("incomplete_details", "reason")(body) == "content_filter" or None,
    ),
    Answered.USAGE: Probe(responses(), "", lambda body: (at("usage", "input_tokens")(body), at("usage", "output_tokens")(body))),
    Answered.USAGE_CACHED: Probe(
        responses(usage={"input_tokens_details": {"cached_tokens": 5}}), "", lambda body: first(body, "cached_tokens") or None
    ),
    Answered.USAGE_CACHE_WRITE: Probe(
        responses(usage={"input_tokens_details": {"cache_write_tokens": 4}}), "", lambda body: first(body, "cache_write_tokens") or None
    ),
    Answered.USAGE_REASONING: Probe(
        responses(usage={"output_tokens_details": {"reasoning_tokens": 3}}), "", lambda body: first(body, "reasoning_tokens") or None
    ),
    Answered.USAGE_AUDIO: Probe(
        responses(usage={"input_tokens_details": {"audio_tokens": 2}}),
        "",
        lambda body: at("usage", "input_tokens_details", "audio_tokens")(body) or None,
    ),
    Answered.SERVICE_TIER: Probe(responses(service_tier="default"), "", at("service_tier")),
}

# Anthropic Messages


def messages(*blocks: Json, reason: str = "end_turn", usage: Json | None = None, **more: Any) -> Json:
    counts = {"input_tokens": 20, "output_tokens": 9, **(usage or {})}
    content = list(blocks) or [{"type": "text", "text": TEXT}]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": reason,
        "stop_sequence": None, "usage": counts, **more,
    }  # fmt: skip


def _messages_calls(body: Json) -> Any:
    return [(b["id"], b["name"], _given(b["input"])) for b in body["content"] if b["type"] == "tool_use"] or None


def _reason(word: str) -> Any:
    return lambda body: body["stop_reason"] == word or None


_messages_calls_sent = [{"type": "tool_use", "id": i, "name": n, "input": json.loads(a)} for i, n, a in CALLS]
_TEXT_BLOCK = {"type": "text", "text": TEXT}
MESSAGES: dict[Answered, Probe] = {
    Answered.TEXT: Probe(messages(), "", lambda body: first(body["content"], "text")),
    Answered.TOOL_CALLS: Probe(messages(*_messages_calls_sent, reason="tool_use"), "", _messages_calls),
    Answered.PROVIDER_CALLS: Probe(
        messages({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}, _TEXT_BLOCK),
        "",
        lambda body: first(body["content"], "id", type="server_tool_use"),
    ),
    Answered.REFUSAL: Probe({}, "", lambda body: first(body["content"], "text") if body["stop_reason"] == "refusal" else None),
    Answered.THINKING: Probe(
        messages({"type": "thinking", "thinking": "hm", "signature": ""}, _TEXT_BLOCK), "", lambda body: first(body["content"], "thinking")
    ),
    Answered.SIGNATURE: Probe(
        messages({"type": "thinking", "thinking": "hm", "signature": SIGNATURE}, _TEXT_BLOCK),
        "",
        lambda body: first(body["content"], "signature") or None,
    ),
    Answered.REDACTED: Probe(
        messages({"type": "redacted_thinking", "data": DARK}, _TEXT_BLOCK), "", lambda body: first(body["content"], "data")
    ),
    Answered.CITATIONS: Probe(
        messages({**_TEXT_BLOCK, "citations": [{"type": "char_location", "cited_text": "c", "document_index": 0}]}),
        "",
        lambda body: first(body["content"], "citations"),
    ),
    Answered.STOP: Probe(messages(), "", _reason("end_turn")),
    Answered.LENGTH: Probe(messages(reason="max_tokens"), "", _reason("max_tokens")),
    Answered.CALLS_WAIT: Probe(messages(*_messages_calls_sent, reason="tool_use"), "", _reason("tool_use")),
    Answered.REFUSED: Probe(messages(reason="refusal"), "", _reason("refusal")),
    Answered.STOP_SEQUENCE: Probe(messages(reason="stop_sequence", stop_sequence="END"), "", lambda body: body.get("stop_sequence")),
    Answered.PAUSED: Probe(messages(reason="pause_turn"), "", _reason("pause_turn")),
    Answered.CONTEXT_FULL: Probe(messages(reason="model_context_window_exceeded"), "", _reason("model_context_window_exceeded")),
    Answered.USAGE: Probe(
        messages(),
        "",
        lambda body: (
            sum(body["usage"].get(k, 0) for k in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")),
            body["usage"]["output_tokens"],
        ),
    ),
    Answered.USAGE_CACHED: Probe(
        messages(usage={"cache_read_input_tokens": 5}), "", lambda body: body["usage"].get("cache_read_input_tokens") or None
    ),
    Answered.USAGE_CACHE_WRITE: Probe(
        messages(usage={"cache_creation_input_tokens": 4}), "", lambda body: body["usage"].get("cache_creation_input_tokens") or None
    ),
    Answered.USAGE_CACHE_WRITE_1H: Probe(
        messages(usage={"cache_creation_input_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 4}}),
        "",
        lambda body: first(body, "ephemeral_1h_input_tokens"),
    ),
    Answered.USAGE_REASONING: Probe(
        messages(usage={"output_tokens_details": {"thinking_tokens": 3}}), "", lambda body: first(body, "thinking_tokens")
    ),
    Answered.SERVICE_TIER: Probe(
        messages(usage={"service_tier": "standard"}), "", lambda body: {"standard": "default"}.get(body["usage"].get("service_tier", ""))
    ),
}

# Bedrock Converse


def converse(*blocks: Json, reason: str = "end_turn", usage: Json | None = None, **more: Any) -> Json:
    counts = {"inputTokens": 20, "outputTokens": 9, "totalTokens": 29, **(usage or {})}
    message = {"role": "assistant", "content": list(blocks) or [{"text": TEXT}]}
    return {"output": {"message": message}, "stopReason": reason, "usage": counts, "metrics": {"latencyMs": 7}, **more}


def _blocks(body: Json) -> list[Json]:
    found: list[Json] = body["output"]["message"]["content"]
    return found


def _converse_calls(body: Json) -> Any:
    found = [block["toolUse"] for block in _blocks(body) if "toolUse" in block]
    return [(call["toolUseId"], call["name"], _given(call["input"])) for call in found] or None


def _stop(word: str) -> Any:
    return lambda body: body["stopReason"] == word or None


_converse_calls_sent = [{"toolUse": {"toolUseId": i, "name": n, "input": json.loads(a)}} for i, n, a in CALLS]
CONVERSE: dict[Answered, Probe] = {
    Answered.TEXT: Probe(converse(), "", lambda body: first(_blocks(body), "text")),
    Answered.TOOL_CALLS: Probe(converse(*_converse_calls_sent, reason="tool_use"), "", _converse_calls),
    Answered.PROVIDER_CALLS: Probe(
        converse({"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use", "input": {}}}, {"text": TEXT}),
        "",
        lambda body: first(_blocks(body), "toolUseId", type="server_tool_use"),
    ),
    Answered.REFUSAL: Probe({}, "", lambda body: None),
    Answered.THINKING: Probe(
        converse({"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": TEXT}),
        "",
        lambda body: at("text")(first(_blocks(body), "reasoningText")),
    ),
    Answered.SIGNATURE: Probe(
        converse({"reasoningContent": {"reasoningText": {"text": "hm", "signature": SIGNATURE}}}, {"text": TEXT}),
        "",
        lambda body: at("signature")(first(_blocks(body), "reasoningText")),
    ),
    Answered.REDACTED: Probe(
        converse({"reasoningContent": {"redactedContent": base64.b64encode(DARK.encode()).decode()}}, {"text": TEXT}),
        "",
        lambda body: None if (data := first(_blocks(body), "redactedContent")) is None else base64.b64decode(data).decode(),
    ),
    Answered.CITATIONS: Probe(
        converse({"citationsContent": {"content": [{"text": TEXT}], "citations": [{"title": "t"}]}}),
        "",
        lambda body: first(_blocks(body), "citations"),
    ),
    Answered.STOP: Probe(converse(), "", _stop("end_turn")),
    Answered.LENGTH: Probe(converse(reason="max_tokens"), "", _stop("max_tokens")),
    Answered.CALLS_WAIT: Probe(converse(*_converse_calls_sent, reason="tool_use"), "", _stop("tool_use")),
    Answered.FILTERED: Probe(converse(reason="content_filtered"), "", _stop("content_filtered")),
    Answered.CONTEXT_FULL: Probe(converse(reason="model_context_window_exceeded"), "", _stop("model_context_window_exceeded")),
    Answered.USAGE: Probe(
        converse(),
        "",
        lambda body: (
            sum(body["usage"].get(k, 0) for k in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")),
            body["usage"]["outputTokens"],
        ),
    ),
    Answered.USAGE_CACHED: Probe(
        converse(usage={"cacheReadInputTokens": 5}), "", lambda body: body["usage"].get("cacheReadInputTokens") or None
    ),
    Answered.USAGE_CACHE_WRITE: Probe(
        converse(usage={"cacheWriteInputTokens": 4}), "", lambda body: body["usage"].get("cacheWriteInputTokens") or None
    ),
    Answered.USAGE_CACHE_WRITE_1H: Probe(
        converse(usage={"cacheWriteInputTokens": 4, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]}),
        "",
        lambda body: first(body, "inputTokens", ttl="1h"),
    ),
    Answered.SERVICE_TIER: Probe(converse(serviceTier={"type": "default"}), "", at("serviceTier", "type")),
}

# Gemini


def gemini(*parts: Json, reason: str = "STOP", usage: Json | None = None, candidate: Json | None = None, **more: Any) -> Json:
    counts = {"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29, **(usage or {})}
    content = {"role": "model", "parts": list(parts) or [{"text": TEXT}]}
    candidates = [{"content": content, "finishReason": reason, "index": 0, **(candidate or {})}]
    return {"candidates": candidates, "usageMetadata": counts, "modelVersion": "m", "responseId": "r1", **more}


def _parts(body: Json) -> list[Json]:
    found: list[Json] = at("candidates", 0, "content", "parts")(body) or []
    return found


def _gemini_calls(body: Json) -> Any:
    calls = [part["functionCall"] for part in _parts(body) if "functionCall" in part]
    return [(call["id"], call["name"], _given(call["args"])) for call in calls] or None


def _unwrapped(body: Json) -> Any:
    wire = next((part["thoughtSignature"] for part in _parts(body) if "thoughtSignature" in part), None)
    if wire is None:
        return None
    inner = base64.b64decode(wire)
    return inner.rpartition(b"llm-edge:")[2].rpartition(b"llm-edge-redacted:")[2].decode() if inner.startswith(b"\0llm-edge") else wire


def _finish(word: str) -> Any:
    return lambda body: at("candidates", 0, "finishReason")(body) == word or None


_gemini_calls_sent = [{"functionCall": {"id": i, "name": n, "args": json.loads(a)}} for i, n, a in CALLS]
_gemini_logprobs = {"chosenCandidates": [{"token": TEXT, "logProbability": -0.5}], "topCandidates": []}
GEMINI: dict[Answered, Probe] = {
    Answered.TEXT: Probe(
        gemini(), "", lambda body: next((p["text"] for p in _parts(body) if p.get("text") and not p.get("thought")), None)
    ),
    Answered.TOOL_CALLS: Probe(gemini(*_gemini_calls_sent), "", _gemini_calls),
    Answered.PROVIDER_CALLS: Probe(
        gemini({"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": TEXT}), "", lambda body: first(_parts(body), "code")
    ),
    Answered.REFUSAL: Probe({}, "", lambda body: None),
    Answered.THINKING: Probe(
        gemini({"text": "hm", "thought": True}, {"text": TEXT}),
        "",
        lambda body: next((p["text"] for p in _parts(body) if p.get("thought")), None),
    ),
    Answered.SIGNATURE: Probe(gemini({"text": "hm", "thought": True, "thoughtSignature": "CpsBAb4="}, {"text": TEXT}), "", _unwrapped),
    Answered.REDACTED: Probe({}, "", _unwrapped),
    Answered.CITATIONS: Probe(
        gemini(candidate={"groundingMetadata": {"webSearchQueries": ["q"]}}), "", at("candidates", 0, "groundingMetadata")
    ),
    Answered.LOGPROBS: Probe(
        gemini(candidate={"logprobsResult": _gemini_logprobs}),
        "",
        at("candidates", 0, "logprobsResult", "chosenCandidates", 0, "logProbability"),
    ),
    Answered.CHOICES: Probe(
        {
            **gemini(),
            "candidates": [*gemini()["candidates"], {"content": {"parts": [{"text": "It snows."}]}, "finishReason": "STOP", "index": 1}],
        },
        "",
        at("candidates", 1, "content", "parts", 0, "text"),
    ),
    Answered.IMAGES: Probe(
        gemini({"inlineData": {"mimeType": "image/png", "data": PNG}}, {"text": TEXT}), "", lambda body: first(_parts(body), "data")
    ),
    Answered.STOP: Probe(gemini(), "", _finish("STOP")),
    Answered.LENGTH: Probe(gemini(reason="MAX_TOKENS"), "", _finish("MAX_TOKENS")),
    Answered.CALLS_WAIT: Probe(
        gemini(*_gemini_calls_sent),
        "",
        lambda body: (_finish("STOP")(body) and any("functionCall" in part for part in _parts(body))) or None,
    ),
    Answered.FILTERED: Probe(gemini(reason="SAFETY"), "", _finish("SAFETY")),
    Answered.USAGE: Probe(
        gemini(),
        "",
        lambda body: (
            first(body, "promptTokenCount"),
            sum(body["usageMetadata"].get(k, 0) for k in ("candidatesTokenCount", "thoughtsTokenCount")),
        ),
    ),
    Answered.USAGE_CACHED: Probe(gemini(usage={"cachedContentTokenCount": 5}), "", lambda body: first(body, "cachedContentTokenCount")),
    Answered.USAGE_REASONING: Probe(
        gemini(usage={"thoughtsTokenCount": 3, "totalTokenCount": 32}), "", lambda body: first(body, "thoughtsTokenCount")
    ),
    Answered.USAGE_AUDIO: Probe(
        gemini(usage={"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}]}),
        "",
        lambda body: first(body, "tokenCount", modality="AUDIO"),
    ),
    Answered.SERVICE_TIER: Probe(
        gemini(usage={"serviceTier": "standard"}),
        "",
        lambda body: {"standard": "default"}.get(body["usageMetadata"].get("serviceTier", "")),
    ),
}

ANSWERS: dict[str, dict[Answered, Probe]] = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
    "bedrock_converse": CONVERSE,
    "gemini_generate": GEMINI,
}
