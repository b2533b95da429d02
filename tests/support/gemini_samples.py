"""The samples of tests/wire/gemini_generate, and the ways their streams are looked at."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import StreamDecoder
from proxy.codecs.gemini_generate import GeminiGenerateCodec
from proxy.core.events import StreamEvent
from proxy.core.response import ChatResponse

WIRE = Path(__file__).parents[1] / "wire" / "gemini_generate"
STREAMS = sorted(path.name for path in WIRE.glob("*.sse"))
WHOLE_STREAMS = [name for name in STREAMS if name != "stream_error.sse"]
ANSWERS = sorted(path.name for path in WIRE.glob("answer_*.json"))
CODEC = GeminiGenerateCodec()


def sample(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def sample_json(name: str) -> Any:
    return json.loads(sample(name))


def decode_all(stream: bytes, *cuts: int, decoder: StreamDecoder | None = None) -> list[StreamEvent]:
    """The events of a whole stream, cut at the places given, its end included."""
    reader = decoder or CODEC.stream_decoder()
    edges = [0, *cuts, len(stream)]
    events = [event for start, end in pairwise(edges) for event in reader.feed(stream[start:end])]
    return events + reader.close()


def encode_all(events: list[StreamEvent]) -> bytes:
    encoder = CODEC.stream_encoder()
    return b"".join(encoder.encode(event) for event in events)


def folded(events: list[StreamEvent]) -> ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator.response()


def events_of(stream: bytes) -> list[Any]:
    """The JSON of each event."""
    return [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: ")]
