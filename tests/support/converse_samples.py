"""Converse requests, and event streams made of readable pieces, for tests."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from proxy.codecs.base import StreamDecoder
from proxy.codecs.eventstream import EventStreamParser, event_frame
from proxy.core.events import StreamEvent

WIRE = Path(__file__).parents[1] / "wire" / "bedrock_converse"
CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"

Event = tuple[str, dict[str, Any]]
"""Event type and payload."""


def wire(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def stream_of(*events: Event) -> bytes:
    return b"".join(event_frame(kind, json.dumps(payload).encode()) for kind, payload in events)


def wire_stream(name: str) -> bytes:
    """The frames of a sample file: `[[event type, payload], …]`."""
    return stream_of(*((kind, payload) for kind, payload in json.loads(wire(name))))


def events_of(stream: bytes) -> list[Event]:
    """Frames as (type, payload); an exception's type stands for an event's."""
    parser = EventStreamParser()
    frames = parser.feed(stream)
    parser.close()
    return [(frame.text(":event-type") or frame.text(":exception-type") or "", json.loads(frame.payload)) for frame in frames]


def decode_all(decoder: StreamDecoder, *chunks: bytes) -> list[StreamEvent]:
    return [*(event for chunk in chunks for event in decoder.feed(chunk)), *decoder.close()]


def assert_valid(body: dict[str, Any]) -> None:
    """botocore's own validator takes the body as a ConverseRequest."""
    shape = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    given = {"modelId": body["model"], **{key: value for key, value in body.items() if key not in ("model", "stream")}}
    report = ParamValidator().validate(given, shape)
    assert not report.has_errors(), report.generate_report()


def user(*blocks: dict[str, Any] | str) -> dict[str, Any]:
    return {"role": "user", "content": _blocks(blocks)}


def assistant(*blocks: dict[str, Any] | str) -> dict[str, Any]:
    return {"role": "assistant", "content": _blocks(blocks)}


def _blocks(blocks: Iterable[dict[str, Any] | str]) -> list[dict[str, Any]]:
    return [{"text": block} if isinstance(block, str) else block for block in blocks]


def request_of(*messages: dict[str, Any], model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    return {"model": model, "stream": False, "messages": list(messages or [user("hello")]), **fields}
