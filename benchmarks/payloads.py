"""The requests that every system gets, byte for byte the same but for their credentials.

A body is `prefix + 16 digits + suffix`: the digits count up, so no two requests of a run are equal (no cache can answer), or stay
the same (a cache may).
"""

import json
import time
from typing import Any, NamedTuple

MODEL = "bench"
STREAM_MODEL = "bench-stream"
TRANSLATED_MODEL = "bench-messages"
"""Of an upstream that speaks Anthropic's dialect: what an OpenAI client gets from it is translated."""
TRANSLATED_STREAM_MODEL = "bench-messages-stream"
SIZES = {"small": 250, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
"""Bytes of a whole request body."""
ANSWER_BYTES = 330
MARKER = "bench-answer"
"""Stands in the upstream's text: an answer without it is no answer."""
DIGITS = 16
_SLOT = "0" * DIGITS
_WORDS = "The quick brown fox jumps over the lazy dog while seven wizards box. "


class Body(NamedTuple):
    prefix: str
    suffix: str


def chat_body(size: str, model: str = MODEL, *, max_tokens: int | None = None, stream: bool = False) -> Body:
    """A chat completion body of exactly `SIZES[size]` bytes, if that is enough. `max_tokens` is the number of chunks of a stream."""
    fields: dict[str, Any] = {"model": model}
    if stream:
        fields["stream"] = True
    if max_tokens is not None:
        fields["max_tokens"] = max_tokens
    fields["messages"] = [{"role": "system", "content": "You answer briefly."}, {"role": "user", "content": f"Request {_SLOT}: @"}]
    frame = json.dumps(fields, separators=(",", ":"))
    missing = max(SIZES[size] - len(frame) + 1, 1)
    text = (_WORDS * (missing // len(_WORDS) + 1))[:missing]
    prefix, _, suffix = frame.replace("@", text).partition(_SLOT)
    return Body(prefix, suffix)


def first_number() -> int:
    """Where the digits begin: microseconds, so that later runs against the same process differ, too."""
    number: int = time.time_ns() // 1000 % 10**DIGITS
    return number


def upstream_answer() -> bytes:
    """What the upstream says: a chat completion of exactly ANSWER_BYTES bytes."""

    def render(padding: int) -> bytes:
        message = {"role": "assistant", "content": MARKER + "." * padding}
        answer = {
            "id": "chatcmpl-bench0000000000000000",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60, "completion_tokens": 12, "total_tokens": 72},
        }
        return json.dumps(answer, separators=(",", ":")).encode()

    return render(ANSWER_BYTES - len(render(0)))


def upstream_message() -> bytes:
    """The same as Anthropic's message."""
    message = {
        "id": "msg_bench0000000000000000",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": MARKER + "." * 60}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 60, "output_tokens": 12},
    }
    return json.dumps(message, separators=(",", ":")).encode()
