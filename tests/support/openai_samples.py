"""The samples of tests/wire/openai_chat, and the two ways their streams are looked at."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from proxy.codecs.base import StreamDecoder
from proxy.core.events import StreamEvent

WIRE = Path(__file__).parents[1] / "wire" / "openai_chat"
STREAMS = sorted(path.name for path in WIRE.glob("*.sse"))
WHOLE_STREAMS = [name for name in STREAMS if name != "stream_error.sse"]


def sample(name: str) -> bytes:
    return (WIRE / name).read_bytes()


def sample_json(name: str) -> Any:
    return json.loads(sample(name))


def decode_all(decoder: StreamDecoder, *chunks: bytes) -> list[StreamEvent]:
    """The events of a whole stream, its end included."""
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()


def cut(body: bytes, *places: int) -> list[bytes]:
    """`body` in pieces."""
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


def chunks_of(stream: bytes) -> list[Any]:
    """The JSON of each `data:` line; "[DONE]" as it is."""
    lines = [line[6:] for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
