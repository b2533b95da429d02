"""Contract B on the wire, same dialect: a provider's own in-band error after the first content reaches the client, and the stream is no
success, also where content and error come in one piece."""

import asyncio
import json
from typing import Any

import pytest

from proxy.codecs.eventstream import event_frame, exception_frame
from tests.support.gateway import running, settings
from tests.support.invoke_samples import chunk
from tests.support.upstream import Call, Upstream, chat_chunk, stream_answer

PROVIDER_KEY = {"api_keys": ["provider-key-1234567890"]}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def data(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
TEXT = {"index": 0, "content_block": {"type": "text", "text": ""}}
HELLO = {"index": 0, "delta": {"type": "text_delta", "text": "hello"}}
CLAUDE_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("message_start", {"message": MESSAGE}),
    ("content_block_start", TEXT),
    ("content_block_delta", HELLO),
]
GONE = exception_frame("throttlingException", b'{"message": "boom"}')
TURNS = [{"role": "user", "content": "x"}]
STREAMS: dict[str, tuple[dict[str, Any], str, dict[str, Any], list[bytes], bytes]] = {
    "chat": (
        {"kind": "openai"},
        "/v1/chat/completions",
        {"model": "m", "messages": TURNS, "stream": True},
        [chat_chunk({"content": "hello"})],
        data({"error": {"message": "boom", "type": "server_error"}}),
    ),
    "messages": (
        {"kind": "anthropic"},
        "/v1/messages",
        {"model": "m", "messages": TURNS, "max_tokens": 5, "stream": True},
        [event(kind, **fields) for kind, fields in CLAUDE_EVENTS],
        event("error", error={"type": "overloaded_error", "message": "boom"}),
    ),
    "converse": (
        {"kind": "bedrock"},
        "/model/m/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
        [event_frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"hello"}}')],
        GONE,
    ),
    "invoke claude": (
        {"kind": "bedrock"},
        "/model/m/invoke-with-response-stream",
        {"messages": TURNS, "max_tokens": 5},
        [chunk({"type": kind, **fields}) for kind, fields in CLAUDE_EVENTS],
        GONE,
    ),
    "invoke titan": (
        {"kind": "bedrock"},
        "/model/m/invoke-with-response-stream",
        {"inputText": "x"},
        [chunk({"outputText": "hello", "index": 0})],
        GONE,
    ),
    "gemini": (
        {"kind": "gemini"},
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
        [data({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}}]})],
        data({"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}}),
    ),
}


@pytest.mark.parametrize("pieces", ["one", "several"])
@pytest.mark.parametrize("dialect", list(STREAMS))
async def test_content_then_an_error(dialect: str, pieces: str) -> None:
    """The content is shown, then the error; nothing is stored, and nothing tried again."""
    provider, path, body, content, error = STREAMS[dialect]
    async with Upstream() as upstream:
        upstream.on(stream_answer([b"".join([*content, error])] if pieces == "one" else [*content, error]))
        async with running(settings(providers={"p": {"base_url": upstream.url, **PROVIDER_KEY, **provider}})) as edge:
            for _ in range(2):
                answer = await edge.client.post(path, json=body)
                assert answer.status_code == 200
                assert b"boom" in answer.content
                assert answer.content.startswith(content[0])
            await edge.idle()
            assert edge.gateway.state.pipeline.cache.status().l1_entries == 0
        assert len(upstream.calls) == 2


@pytest.mark.parametrize("dialect", list(STREAMS))
async def test_an_error_in_a_shared_stream(dialect: str) -> None:
    """Leader and follower are both told."""
    provider, path, body, content, error = STREAMS[dialect]
    joined = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(b"".join(content))
        await joined.wait()
        await call.chunk(error)
        await call.end_stream()

    async with Upstream() as upstream:
        upstream.on(answer)
        async with running(settings(providers={"p": {"base_url": upstream.url, **PROVIDER_KEY, **provider}})) as edge:
            asked = [asyncio.ensure_future(edge.client.post(path, json=body)) for _ in range(2)]
            async with asyncio.timeout(10):
                while not any(flight.shared for flight in edge.gateway.state.pipeline.flights._flights.values()):
                    await asyncio.sleep(0.005)
            joined.set()
            for one in await asyncio.gather(*asked):
                assert one.status_code == 200
                assert one.content.startswith(content[0])
                assert b"boom" in one.content
        assert len(upstream.calls) == 1
