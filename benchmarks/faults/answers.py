"""Chat completions in OpenAI's dialect whose text says which call it is from.

A mark `<request.call|i/n>` is a piece of text; a whole answer holds all of them, a stream one an event. Whoever reads them back knows
whether the text is whole, in order, its own, and from one call only.
"""

import json
import re
from typing import Any

MARK = re.compile(r"<([\w-]*)\.(\d+)\|(\d+)/(\d+)>")
ASKED = re.compile(rb"\[ask ([\w-]+)\]")
"""What the client puts into its message."""
DONE = b"data: [DONE]\n\n"
HTML = b"<!doctype html><title>502</title><h1>Bad gateway</h1>\n"


def piece(request: str, call: int, i: int, n: int) -> str:
    return f"<{request}.{call}|{i}/{n}>"


def _frame(kind: str, call: int, model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"chatcmpl-faults{call:08d}", "object": kind, "created": 1_700_000_000, "model": model, "choices": choices}


def usage(chunks: int) -> dict[str, int]:
    return {"prompt_tokens": 60, "completion_tokens": 8 * chunks, "total_tokens": 60 + 8 * chunks}


def whole(request: str, call: int, model: str, chunks: int) -> bytes:
    text = "".join(piece(request, call, i, chunks) for i in range(chunks))
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    return _dump({**_frame("chat.completion", call, model, choices), "usage": usage(chunks)})


def event(request: str, call: int, model: str, i: int, n: int) -> bytes:
    """The i-th content event of n; the first has the role, too."""
    delta = {"content": piece(request, call, i, n)} if i else {"role": "assistant", "content": piece(request, call, i, n)}
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]
    return _sse(_frame("chat.completion.chunk", call, model, choices))


def last_events(call: int, model: str, chunks: int, *, with_usage: bool) -> bytes:
    choices = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    events = _sse(_frame("chat.completion.chunk", call, model, choices))
    if with_usage:
        events += _sse({**_frame("chat.completion.chunk", call, model, []), "usage": usage(chunks)})
    return events + DONE


BROKEN_EVENT = b'data: {"id":"chatcmpl-faults","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"con\n\n'


def error(message: str, kind: str, code: str) -> bytes:
    return _dump({"error": {"message": message, "type": kind, "param": None, "code": code}})


MODELS = json.dumps({"object": "list", "data": [{"id": "bench", "object": "model", "created": 0, "owned_by": "bench"}]}).encode()


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _sse(value: object) -> bytes:
    return b"data: %b\n\n" % _dump(value)
