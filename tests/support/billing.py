"""Answers of providers with a usage to be billed, in each dialect, whole and as streams; and what each client asks.

`Bill`: what an upstream is scripted with. `ASKING`: client dialect → (path, body) of a request.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.converse_samples import stream_of
from tests.support.upstream import Call, Handler

Asking = Callable[[bool], tuple[str, dict[str, Any]]]


class Bill(NamedTuple):
    """`kind`, `dialect`: of the provider. `usage`: as its dialect has it; `tier`: what the answer says of its service tier there."""

    kind: str
    dialect: str
    model: str
    usage: dict[str, Any]
    nanos: dict[str, int]
    """Computed by hand: kind → nano-USD."""
    tier: dict[str, Any] = {}
    incomplete: bool = False


def _sse(events: list[Any], *, named: bool = False) -> bytes:
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join(lines).encode()


def _chat(bill: Bill) -> tuple[dict[str, Any], bytes]:
    base = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": bill.model, **bill.tier}
    message = {"role": "assistant", "content": "hello"}
    whole = {
        **base,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": bill.usage,
    }
    chunk = {**base, "object": "chat.completion.chunk", "usage": None}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**chunk, "choices": [], "usage": bill.usage},
    ]
    return whole, _sse(events) + b"data: [DONE]\n\n"


def _responses(bill: Bill) -> tuple[dict[str, Any], bytes]:
    """A stream begins with the tier that was asked for, and ends with the one that it is billed at."""
    text = {"type": "output_text", "text": "hello", "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    base = {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": bill.model}
    whole = {**base, "status": "completed", "output": [item], "usage": bill.usage, **bill.tier}
    begun = {**base, "status": "in_progress", "output": [], "usage": None, "service_tier": "auto"}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **place, "part": {**text, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": "hello"},
        {"type": "response.output_text.done", **place, "text": "hello"},
        {"type": "response.content_part.done", **place, "part": text},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return whole, _sse([{**event, "sequence_number": n} for n, event in enumerate(events)], named=True)


def _messages(bill: Bill) -> tuple[dict[str, Any], bytes]:
    usage = {**bill.usage, **bill.tier}
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": bill.model, "stop_sequence": None}
    whole = {**base, "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "usage": usage}
    events: list[Any] = [
        {"type": "message_start", "message": {**base, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": bill.usage["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    return whole, _sse(events, named=True)


def _gemini(bill: Bill) -> tuple[dict[str, Any], bytes]:
    base = {"modelVersion": bill.model, "responseId": "r1"}
    usage = {**bill.usage, **bill.tier}
    whole = {
        **base,
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    }
    first = {"index": 0, "content": {"role": "model", "parts": [{"text": "hello"}]}}
    early = {"promptTokenCount": bill.usage["promptTokenCount"], "totalTokenCount": bill.usage["promptTokenCount"]}
    events = [
        {**base, "candidates": [first], "usageMetadata": early},
        {
            **base,
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}],
            "usageMetadata": usage,
        },
    ]
    return whole, _sse(events)


def _converse(bill: Bill) -> tuple[dict[str, Any], bytes]:
    content = [{"text": "hello"}]
    rest = {"usage": bill.usage, "metrics": {"latencyMs": 1}, **bill.tier}
    whole = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn", **rest}
    stream = stream_of(
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hello"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", rest),
    )
    return whole, stream


_ANSWERS = {"chat": _chat, "responses": _responses, "messages": _messages, "generate_content": _gemini, "converse": _converse}


def billing(bill: Bill) -> Handler:
    """Answers each request whole or as a stream, as it asks."""
    whole, stream = _ANSWERS[bill.dialect](bill)

    async def handle(call: Call) -> None:
        if b'"stream":true' in call.body.replace(b" ", b"") or "stream" in call.path.lower():
            kind = "application/vnd.amazon.eventstream" if bill.dialect == "converse" else "text/event-stream"
            await call.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
            await call.chunk(stream)
            await call.end_stream()
        else:
            await call.answer(200, whole)

    return handle


def provider_of(bill: Bill, url: str) -> dict[str, Any]:
    base = f"{url}/v1" if bill.kind == "openai" else url
    dialects = {"openai": [bill.dialect]} if bill.kind == "openai" else {}
    more = {"dialects": dialects["openai"]} if dialects else {}
    return {
        "kind": bill.kind,
        "base_url": base,
        "api_keys": ["sk-provider"],
        **({"region": "us-east-1"} if bill.kind == "bedrock" else {}),
        **more,
    }


def _ask_chat(stream: bool) -> tuple[str, dict[str, Any]]:
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}


def _ask_responses(stream: bool) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": "m", "input": "hi", "store": False, **({"stream": True} if stream else {})}


def _ask_messages(stream: bool) -> tuple[str, dict[str, Any]]:
    body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
    return "/v1/messages", {**body, **({"stream": True} if stream else {})}


def _ask_converse(stream: bool) -> tuple[str, dict[str, Any]]:
    return f"/model/m/converse{'-stream' if stream else ''}", {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def _ask_gemini(stream: bool) -> tuple[str, dict[str, Any]]:
    way = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/m:{way}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


ASKING: dict[str, Asking] = {
    "chat": _ask_chat,
    "responses": _ask_responses,
    "messages": _ask_messages,
    "converse": _ask_converse,
    "gemini": _ask_gemini,
}
