"""Streams of five provider dialects that can be cut in the middle of their text: `begun(dialect, text)` and `ended(dialect, text)` make a
whole one together, with 9 tokens of prompt and 3 of output."""

import json
from typing import Any

from tests.support.converse_samples import Event, stream_of
from tests.support.upstream import Call, Handler, chat_chunk

KINDS = {"chat": "openai", "responses": "openai", "messages": "anthropic", "converse": "bedrock", "gemini": "gemini"}
"""Dialect → kind of a provider that speaks it."""


def begun(dialect: str, text: str) -> bytes:
    """Up to the text, in two pieces, the block still open."""
    return _PIECES[dialect](text)[0]


def ended(dialect: str, text: str) -> bytes:
    """More text, and the end."""
    return _PIECES[dialect](text)[1]


def whole(dialect: str, text: str) -> bytes:
    return begun(dialect, text) + ended(dialect, "")


def _halves(text: str) -> list[str]:
    return [half for half in (text[: len(text) // 2], text[len(text) // 2 :]) if half]


def _sse(events: list[Any], *, named: bool) -> bytes:
    return "".join((f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events).encode()


def _chat(text: str) -> tuple[bytes, bytes]:
    deltas = b"".join([chat_chunk({"content": half}) for half in _halves(text)])
    usage = chat_chunk({}, choices=[], usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12})
    return chat_chunk({"role": "assistant", "content": ""}) + deltas, deltas + chat_chunk({}, "stop") + usage + b"data: [DONE]\n\n"


def _messages(text: str) -> tuple[bytes, bytes]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
    }
    start: list[Any] = [
        {"type": "message_start", "message": {**message, "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    deltas: list[Any] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": half}} for half in _halves(text)
    ]
    end: list[Any] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return _sse(start + deltas, named=True), _sse(deltas + end, named=True)


def _responses(text: str) -> tuple[bytes, bytes]:
    base = {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "gpt-x"}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant", "content": []}
    done = {**item, "status": "completed", "content": [{**part, "text": text}]}
    usage = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    going = {**base, "status": "in_progress", "output": []}
    start: list[Any] = [
        {"type": "response.created", "response": going},
        {"type": "response.queued", "response": going},
        {"type": "response.in_progress", "response": going},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
    ]
    deltas: list[Any] = [{"type": "response.output_text.delta", **place, "delta": half} for half in _halves(text)]
    end: list[Any] = [
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {**base, "status": "completed", "output": [done], "usage": usage}},
    ]
    numbered = [{**event, "sequence_number": n} for n, event in enumerate(start + deltas + end)]
    cut = len(start + deltas)
    return _sse(numbered[:cut], named=True), _sse(numbered[len(start) :], named=True)


def _gemini(text: str) -> tuple[bytes, bytes]:
    base = {"modelVersion": "gemini-x", "responseId": "r1"}

    def event(said: str, **more: Any) -> dict[str, Any]:
        return {**base, "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": said}]}, **more}]}

    deltas = [event(half) for half in _halves(text)]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}
    return _sse(deltas, named=False), _sse([*deltas, {**event("", finishReason="STOP"), "usageMetadata": usage}], named=False)


def _converse(text: str) -> tuple[bytes, bytes]:
    deltas: list[Event] = [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": half}}) for half in _halves(text)]
    usage = {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}
    end: list[Event] = [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
    ]
    return stream_of(("messageStart", {"role": "assistant"}), *deltas), stream_of(*deltas, *end)


_PIECES = {"chat": _chat, "messages": _messages, "responses": _responses, "gemini": _gemini, "converse": _converse}


def streaming(dialect: str, data: bytes, *, end: str = "whole") -> Handler:
    """`end`: whole | truncated (a clean end of body) | reset | stalled."""

    async def handle(call: Call) -> None:
        kind = "application/vnd.amazon.eventstream" if dialect == "converse" else "text/event-stream"
        await call.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
        await call.chunk(data)
        if end == "reset":
            call.writer.get_extra_info("socket")
            call.close()
        elif end == "stalled":
            await call.until_gone()
        else:
            await call.end_stream()

    return handle
