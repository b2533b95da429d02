"""The mix of a soak: what is asked, what must come back, and when the client leaves."""

import json
import random
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from benchmarks.payloads import MODEL, STREAM_MODEL

Leave = Literal["never", "before", "inside"]
"""`before`: while the answer is waited for; `inside`: after the stream's first piece."""


class Ask(NamedTuple):
    body: bytes
    statuses: tuple[int, ...]
    headers: tuple[str, ...] = ()
    key: bool = True
    stream: bool = False
    whole: bool = True
    """A stream must end in `[DONE]`; False: it must not."""
    leave: Leave = "never"


class Kind(NamedTuple):
    name: str
    weight: int
    make: Callable[[int, random.Random], Ask]


def _body(model: str, text: str, /, **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def _plain(number: int, rng: random.Random) -> Ask:
    return Ask(_body("echo", f"question {number} " + "x" * rng.randrange(2000)), (200,))


def _hit(number: int, rng: random.Random) -> Ask:
    return Ask(_body("echo", f"asked often {rng.randrange(50)}", stream=(stream := rng.random() < 0.3)), (200,), stream=stream)


def _stream(number: int, rng: random.Random) -> Ask:
    return Ask(_body("echo", f"tell me {number} " + "word " * rng.randrange(40), stream=True), (200,), stream=True)


def _upstream(number: int, rng: random.Random) -> Ask:
    return Ask(_body(MODEL, f"over the wire {number}"), (200,))


def _upstream_stream(number: int, rng: random.Random) -> Ask:
    return Ask(_body(STREAM_MODEL, f"over the wire {number}", stream=True, max_tokens=3), (200,), stream=True)


def _tools(number: int, rng: random.Random) -> Ask:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    return Ask(_body("echo", f"echo:parallel {number}", tools=[tool], stream=(stream := rng.random() < 0.5)), (200,), stream=stream)


def _provider_error(number: int, rng: random.Random) -> Ask:
    status = rng.choice((400, 429, 500, 503))
    return Ask(_body("bad-status", f"fail {number}", metadata={"echo_status": str(status)}), (400, 429, 500, 502, 503))


def _reset(number: int, rng: random.Random) -> Ask:
    phase = rng.choice(("connect", "headers", "body"))
    return Ask(_body("bad-reset", f"break {number}", metadata={"echo_reset": phase}), (502, 503))


def _cut(number: int, rng: random.Random) -> Ask:
    body = _body("bad-cut", f"one two three four {number}", stream=True, metadata={"echo_cut_after": "2"})
    return Ask(body, (200, 502, 503), stream=True, whole=False)


def _timeout(number: int, rng: random.Random) -> Ask:
    body = _body("bad-slow", f"wait {number}", metadata={"echo_latency_ms": "2000"})
    return Ask(body, (503, 504), headers=("x-llm-edge-timeout-s: 0.05",))


def _leave_before(number: int, rng: random.Random) -> Ask:
    return Ask(_body("echo", f"gone {number}", metadata={"echo_latency_ms": "500"}), (200,), leave="before")


def _leave_inside(number: int, rng: random.Random) -> Ask:
    body = _body("echo", f"leaving {number} " + "word " * 40, stream=True, metadata={"echo_chunk_ms": "20"})
    return Ask(body, (200,), stream=True, leave="inside")


def _leave_upstream(number: int, rng: random.Random) -> Ask:
    return Ask(_body(STREAM_MODEL, f"leaving {number}", stream=True, max_tokens=100), (200,), stream=True, leave="inside")


def _bad_json(number: int, rng: random.Random) -> Ask:
    return Ask(b'{"model": "echo", "messages": [', (400,))


def _no_key(number: int, rng: random.Random) -> Ask:
    return Ask(_body("echo", "who am I"), (401,), key=False)


def _no_model(number: int, rng: random.Random) -> Ask:
    return Ask(_body(f"nobody-{number}", "hello"), (404,))


KINDS = (
    Kind("plain", 34, _plain),
    Kind("hit", 15, _hit),
    Kind("stream", 10, _stream),
    Kind("upstream", 10, _upstream),
    Kind("upstream stream", 5, _upstream_stream),
    Kind("tools", 4, _tools),
    Kind("provider error", 5, _provider_error),
    Kind("reset", 2, _reset),
    Kind("cut stream", 2, _cut),
    Kind("time-out", 2, _timeout),
    Kind("left before the answer", 3, _leave_before),
    Kind("left inside a stream", 2, _leave_inside),
    Kind("left inside an upstream's stream", 2, _leave_upstream),
    Kind("bad JSON", 2, _bad_json),
    Kind("no key", 1, _no_key),
    Kind("unknown model", 1, _no_model),
)
FAULTY_MODELS = "bad-*"
"""Go to an echo provider of their own, so that its breaker and cool-downs do not touch the others."""


def pick(rng: random.Random) -> Kind:
    return rng.choices(KINDS, [kind.weight for kind in KINDS])[0]
