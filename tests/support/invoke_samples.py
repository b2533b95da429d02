"""The samples of tests/wire/bedrock_invoke, as bytes of the wire."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proxy.codecs.eventstream import EventStreamParser, event_frame
from tests.support.upstream import Call, Handler

WIRE = Path(__file__).parents[1] / "wire/bedrock_invoke"


def sample(name: str) -> Any:
    return json.loads((WIRE / f"{name}.json").read_text())


def chunk(event: Any) -> bytes:
    """A frame as Bedrock pads it."""
    inner = base64.b64encode(json.dumps(event).encode()).decode()
    return event_frame("chunk", json.dumps({"bytes": inner, "p": "abcdefgh"}).encode())


def stream(*events: Any) -> bytes:
    return b"".join(chunk(event) for event in events)


def sample_stream(name: str) -> bytes:
    return stream(*sample(f"stream_{name}"))


def inner_events(frames: bytes | Iterable[bytes]) -> list[Any]:
    """What the `chunk` frames of a stream hold."""
    whole = frames if isinstance(frames, bytes) else b"".join(frames)
    return [json.loads(base64.b64decode(json.loads(frame.payload)["bytes"])) for frame in EventStreamParser().feed(whole)]


FOREIGN: dict[str, tuple[Any, Any, list[Any]]] = {
    "amazon.nova-lite-v1:0": (
        {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 5}},
        {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}, "stopReason": "end_turn"},
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hello"}}},
            {"messageStop": {"stopReason": "end_turn"}},
        ],
    ),
    "mistral.mistral-large-2402-v1:0": (
        {"prompt": "<s>[INST]Hi[/INST]", "max_tokens": 5},
        {"outputs": [{"text": "Hello", "stop_reason": "stop"}]},
        [{"outputs": [{"text": "Hello", "stop_reason": None}]}, {"outputs": [{"text": "", "stop_reason": "stop"}]}],
    ),
    "cohere.command-r-v1:0": (
        {"message": "Hi", "chat_history": []},
        {"text": "Hello", "finish_reason": "COMPLETE"},
        [{"event_type": "text-generation", "text": "Hello"}, {"event_type": "stream-end", "is_finished": True}],
    ),
    "ai21.jamba-1-5-mini-v1:0": (
        {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "temperature": 1.5},
        {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]},
        [{"id": "x", "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]}],
    ),
    "us.deepseek.r1-v1:0": (
        {"prompt": "Hi", "max_tokens": 5},
        {"choices": [{"text": "Hello", "stop_reason": "stop"}]},
        [{"choices": [{"text": "Hello", "stop_reason": "stop"}]}],
    ),
}
"""Model → body, answer and stream of vendors whose forms nobody here reads. Bedrock adds its counts to the last event."""


def frames_answer(frames: Iterable[bytes], headers: dict[str, str] | None = None) -> Handler:
    """An upstream that answers with an event stream."""

    async def handle(call: Call) -> None:
        await call.head(200, {"content-type": "application/vnd.amazon.eventstream", "transfer-encoding": "chunked", **(headers or {})})
        for frame in frames:
            await call.chunk(frame)
        await call.end_stream()

    return handle


def counted(events: list[Any], prompt: int = 7, output: int = 5) -> list[Any]:
    """With Bedrock's counts in the last one."""
    counts = {"inputTokenCount": prompt, "outputTokenCount": output, "invocationLatency": 1, "firstByteLatency": 1}
    return [*events[:-1], {**events[-1], "amazon-bedrock-invocationMetrics": counts}]
