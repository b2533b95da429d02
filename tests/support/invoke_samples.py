"""The samples of tests/wire/bedrock_invoke, as bytes of the wire."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proxy.codecs.eventstream import EventStreamParser, event_frame

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
