"""Real samples gone wrong: what fuzzing feeds to parsers. Everything is drawn from one source of choices, so that a failure can be shrunk
(hypothesis) or replayed (a corpus of atheris)."""

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from proxy.codecs.eventstream import EventStreamParser, encode_frame

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**63, 2**64, -(2**70), 1e300, "", "x", "{", "\ud83d\ude00", "é" * 50, [], [[]], [None], {}, {"type": []},
    {"text": {}}, {"id": 5},
)  # fmt: skip
BYTES: tuple[bytes, ...] = (
    b"", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data:", b"data: ", b"event: x\n", b": c\n", b"id: 7\n", b"retry: 1\n", b"[DONE]",
    b"data: [DONE]\n\n", b"\xef\xbb\xbf", b"\x00", b"\xff", b"\xc3", b"\xe2\x82", b'"', b"{", b"}", b"[", b"]", b"null", b"NaN", b"1e999",
    b"\\ud800", b"[" * 300, b"x" * 3000,
)  # fmt: skip


class Choices(Protocol):
    """Where decisions come from."""

    def number(self, low: int, high: int) -> int:
        """Both included."""
        ...


def pick(choices: Choices, values: Sequence[Any]) -> Any:
    return values[choices.number(0, len(values) - 1)]


def cuts(choices: Choices, body: bytes) -> list[bytes]:
    """The same bytes in pieces, of which some may be empty."""
    edges = sorted(choices.number(0, len(body)) for _ in range(choices.number(0, 6)))
    return [body[a:b] for a, b in zip([0, *edges], [*edges, len(body)], strict=True)]


def mutated(choices: Choices, body: bytes) -> bytes:
    """A few bytes changed, lost, doubled, moved or put in."""
    for _ in range(choices.number(0, 4)):
        at = choices.number(0, len(body))
        end = min(len(body), at + choices.number(0, 60))
        match choices.number(0, 5):
            case 0:
                body = body[:at] + pick(choices, BYTES) + body[at:]
            case 1:
                body = body[:at] + body[end:]
            case 2:
                body = body[:end] + body[at:]
            case 3 if at < len(body):
                body = body[:at] + bytes((choices.number(0, 255),)) + body[at + 1 :]
            case 4:
                body = body[:at] + pick(choices, BYTES) + body[end:]
            case _:
                body = body[:at]
    return body


def mutated_value(choices: Choices, value: Any) -> Any:
    """The JSON value with something in it replaced or taken away; what is left is as it was."""
    if isinstance(value, dict) and value and choices.number(0, 7):
        key = pick(choices, list(value))
        if not choices.number(0, 5):
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: mutated_value(choices, value[key])}
    if isinstance(value, list) and value and choices.number(0, 7):
        at = choices.number(0, len(value) - 1)
        if not choices.number(0, 5):
            return value + value[at:]
        return [*value[:at], mutated_value(choices, value[at]), *value[at + 1 :]]
    return pick(choices, ODD)


def mutated_json(choices: Choices, body: bytes) -> bytes:
    """A JSON body with a value or a few bytes gone wrong."""
    if choices.number(0, 3):
        with contextlib.suppress(ValueError):
            body = json.dumps(mutated_value(choices, json.loads(body))).encode()
    return body if choices.number(0, 2) else mutated(choices, body)


def mutated_events(choices: Choices, stream: bytes) -> bytes:
    """Server-sent events with events lost, doubled or exchanged, values within them changed, and a few bytes as well."""
    events = [event + b"\n\n" for event in stream.replace(b"\r\n", b"\n").split(b"\n\n") if event.strip()]
    body = b"".join(_rearranged(choices, events, lambda event: _event(choices, event)))
    return body if choices.number(0, 1) else mutated(choices, body)


def mutated_frames(choices: Choices, stream: bytes) -> bytes:
    """Event-stream frames likewise; most have right checksums, so that what is within them is looked at."""
    frames = [frame.raw for frame in EventStreamParser().feed(stream)]
    body = b"".join(_rearranged(choices, frames, lambda frame: _frame(choices, frame)))
    return body if choices.number(0, 3) else mutated(choices, body)


def _rearranged(choices: Choices, items: list[bytes], change: Callable[[bytes], bytes]) -> list[bytes]:
    for _ in range(choices.number(0, 3)):
        if not items:
            break
        at = choices.number(0, len(items) - 1)
        match choices.number(0, 5):
            case 0:
                items = items[:at] + items[at + 1 :]
            case 1:
                items = items[: at + 1] + items[at:]
            case 2:
                items = items[at:] + items[:at]
            case _:
                items = [*items[:at], change(items[at]), *items[at + 1 :]]
    return items


def _event(choices: Choices, event: bytes) -> bytes:
    head, mark, data = event.partition(b"data: ")
    return head + mark + mutated_json(choices, data.rstrip(b"\n")) + b"\n\n"


def _frame(choices: Choices, raw: bytes) -> bytes:
    (frame,) = EventStreamParser().feed(raw)
    headers = {name: value for name, value in frame.headers.items() if isinstance(value, str)}
    match choices.number(0, 7):
        case 0:
            headers[":message-type"] = pick(choices, ("exception", "error", "x"))
        case 1:
            headers[":event-type"] = pick(choices, ("messageStop", "metadata", "contentBlockStart", "x"))
        case 2:
            headers.pop(":event-type", None)
        case _:
            pass
    return encode_frame(headers, _payload(choices, frame.payload))


def _payload(choices: Choices, payload: bytes) -> bytes:
    """InvokeModel wraps the model's own event in base64."""
    inner = json.loads(payload).get("bytes") if payload.startswith(b'{"bytes"') else None
    if inner is None:
        return mutated_json(choices, payload)
    event = mutated_json(choices, base64.b64decode(inner))
    return json.dumps({"bytes": base64.b64encode(event).decode()}).encode()
