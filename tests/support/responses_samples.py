"""The samples of tests/wire/openai_responses, and the ways their streams are looked at."""

import json
from pathlib import Path
from typing import Any

from openai import Omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import StreamDecoder
from proxy.codecs.sse import SSEParser
from proxy.core.events import StreamEvent
from proxy.core.response import ChatResponse

WIRE = Path(__file__).parents[1] / "wire" / "openai_responses"
STREAMS = sorted(path.name for path in WIRE.glob("*.sse"))
BROKEN_STREAMS = ["stream_error.sse", "stream_failed.sse"]
WHOLE_STREAMS = [name for name in STREAMS if name not in BROKEN_STREAMS]
WHOLE_ANSWERS = ["response_full.json", "response_incomplete.json", "response_text.json"]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def sample(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def sample_json(name: str) -> Any:
    return json.loads(sample(name))


def decode_all(decoder: StreamDecoder, *chunks: bytes) -> list[StreamEvent]:
    """The events of a whole stream, its end included."""
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()


def folded(events: list[StreamEvent]) -> ChatResponse:
    """The answer that a whole stream's events stand for."""
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    assert accumulator.complete
    return accumulator.response()


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The JSON of each event, whose type is its name where it has one; `[DONE]` is none."""
    found = []
    for event in SSEParser().feed(stream):
        if event.data != b"[DONE]":
            data = json.loads(event.data)
            assert event.event is None or event.event.decode() == data["type"]
            found.append(data)
    return found


def read_by_sdk(stream: bytes) -> Response | None:
    """What the SDK's streaming helper makes of a stream; every event is parsed strictly and numbered in order."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=Omit(), text_format=Omit())
    final: Response | None = None
    for number, event in enumerate(events_of(stream)):
        assert event["sequence_number"] == number
        for shown in state.handle_event(_EVENT.validate_json(json.dumps(event), strict=True)):
            if shown.type in ("response.completed", "response.incomplete", "response.failed"):
                final = shown.response
    return final
