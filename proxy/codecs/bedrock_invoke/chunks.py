"""`chunk` frames: `{"bytes": base64 of one of the model's own events}`, and the counts that Bedrock adds to the last one.

Source: botocore 1.44.5, bedrock-runtime service model (ResponseStream, PayloadPart); Bedrock user guide, read 2026-11-25.
"""

import base64
from typing import Any

import msgspec
import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.eventstream import EventStreamParser, Frame, event_frame
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_chat.fields import integer, optional, record
from proxy.core.response import Usage

METRICS = "amazon-bedrock-invocationMetrics"


class _Part(msgspec.Struct, gc=False, rename={"data": "bytes"}):
    # Not named `bytes`: from Python 3.14 on an annotation is read when the class has its fields, and then means the field.
    data: bytes


_decode = msgspec.json.Decoder(_Part).decode


def inner_event(frame: Frame) -> dict[str, Any]:
    """The model's own event. Raises InvalidBody."""
    try:
        value = orjson.loads(_decode(frame.payload).data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, orjson.JSONDecodeError) as exc:
        raise InvalidBody(f"a stream chunk breaks its schema: {exc}", "chunk.bytes") from None
    return record(value, "chunk.bytes")


def chunk_frame(event: dict[str, Any]) -> bytes:
    return event_frame("chunk", orjson.dumps({"bytes": base64.b64encode(dump_json(event)).decode()}))


def with_id(frames: bytes, new_id: str) -> bytes:
    """A whole stream that `new_id` names, where its form has a place for that: Claude's, in its first event."""
    length = int.from_bytes(frames[:4], "big")
    for frame in EventStreamParser().feed(frames[:length]):
        event = inner_event(frame)
        if event.get("type") == "message_start":
            return chunk_frame({**event, "message": {**event["message"], "id": new_id}}) + frames[length:]
    return frames


def decode_metrics(event: dict[str, Any]) -> Usage | None:
    """The counts of any vendor's model, where the event is the last one."""
    metrics = optional(event, METRICS, record, "chunk.bytes")
    if metrics is None:
        return None
    names = ("inputTokenCount", "outputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount")
    prompt, output, read, write = (optional(metrics, name, integer(0), METRICS) or 0 for name in names)
    return Usage(input_tokens=prompt, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write)


def encode_metrics(usage: Usage) -> dict[str, int]:
    counts = {"inputTokenCount": usage.input_tokens, "outputTokenCount": usage.output_tokens}
    if usage.cache_read_tokens or usage.cache_write_tokens:
        counts |= {"cacheReadInputTokenCount": usage.cache_read_tokens, "cacheWriteInputTokenCount": usage.cache_write_tokens}
    return counts
