"""The echo provider's answers as OpenAI's chat completion objects, whole or as server-sent events.

Logprobs: -0.25 for the first word, -0.5 for the next, down to -1.0 and again; alternatives follow in steps of -1.0. A custom tool's
call streams in the shape of its whole form (`custom: {name, input}`), which the SDK's chunk type does not know.
Source: OpenAI API reference, chat completions, read 2026-11-22.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from proxy.providers.echo_answer import Answer, Call, usage_of

_WORDS = re.compile(r"\S+\s*|\s+")
_MAX_PIECES = 512
"""Pieces of one choice's stream: beyond that they grow, so that echoing a long prompt stays cheap."""
_ARGUMENT_PIECE = 16


class Head(msgspec.Struct, frozen=True):
    """What all parts of an answer repeat. `digest`: hex, at least 24 digits."""

    digest: str
    created: int
    model: str

    def as_dict(self, kind: str) -> dict[str, Any]:
        return {
            "id": "chatcmpl-" + self.digest[:24],
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": "fp_echo",
        }


def completion(body: dict[str, Any], head: Head, answers: list[Answer], prompt_tokens: int) -> bytes:
    """A whole chat.completion."""
    top = _top_logprobs(body)
    out = head.as_dict("chat.completion")
    out["choices"] = [_choice(i, answer, top) for i, answer in enumerate(answers)]
    out["usage"] = usage_of(answers, prompt_tokens)
    return orjson.dumps(out)


def _choice(index: int, answer: Answer, top: int | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.calls:
        message["tool_calls"] = [call.as_dict() for call in answer.calls]
    logprobs = None if top is None or answer.text is None else _logprobs(_WORDS.findall(answer.text), 0, top)
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.finish}


def _top_logprobs(body: dict[str, Any]) -> int | None:
    """How many alternatives a token; None: no logprobs asked for."""
    if not body.get("logprobs"):
        return None
    top = body.get("top_logprobs")
    return min(top, 20) if isinstance(top, int) else 0


def _logprobs(words: list[str], offset: int, top: int) -> dict[str, Any]:
    content = []
    for i, word in enumerate(words, offset):
        first = -0.25 * (i % 4 + 1)
        others = [_token(word if rank == 0 else f"{word}{rank}", first - rank) for rank in range(top)]
        content.append({**_token(word, first), "top_logprobs": others})
    return {"content": content, "refusal": None}


def _token(word: str, logprob: float) -> dict[str, Any]:
    return {"token": word, "logprob": logprob, "bytes": list(word.encode("utf-8", "replace"))}


class Piece(msgspec.Struct, frozen=True):
    """One SSE event. `opening`: only a role; `content`: text or a piece of a tool call (what `cut_after` counts);
    `last`: nothing follows."""

    data: bytes
    opening: bool = False
    content: bool = False
    last: bool = False


def pieces(body: dict[str, Any], head: Head, answers: list[Answer], prompt_tokens: int) -> Iterator[Piece]:
    """The stream's events with its terminal ones; choices take turns."""
    options = body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    shared = head.as_dict("chat.completion.chunk")
    if with_usage:
        shared["usage"] = None
    top = _top_logprobs(body)
    for i in range(len(answers)):
        yield Piece(_chunk(shared, i, {"role": "assistant", "content": "", "refusal": None}), opening=True)
    turns = [_deltas(answer, top) for answer in answers]
    open_choices = dict(enumerate(turns))
    while open_choices:
        for i, turn in list(open_choices.items()):
            delta = next(turn, None)
            if delta is None:
                del open_choices[i]
                yield Piece(_chunk(shared, i, {}, finish=answers[i].finish))
            else:
                yield Piece(_chunk(shared, i, delta[0], logprobs=delta[1]), content=True)
    if with_usage:
        yield Piece(_event({**shared, "choices": [], "usage": usage_of(answers, prompt_tokens)}))
    yield Piece(b"data: [DONE]\n\n", last=True)


def _deltas(answer: Answer, top: int | None) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    for i, call in enumerate(answer.calls):
        yield from ((delta, None) for delta in _call_deltas(i, call))
    words = _WORDS.findall(answer.text or "")
    step = -(-len(words) // _MAX_PIECES) or 1
    for at in range(0, len(words), step):
        part = words[at : at + step]
        yield {"content": "".join(part)}, None if top is None else _logprobs(part, at, top)


def _call_deltas(index: int, call: Call) -> Iterator[dict[str, Any]]:
    field = "input" if call.custom else "arguments"
    kind = "custom" if call.custom else "function"
    yield {"tool_calls": [{"index": index, "id": call.id, "type": kind, kind: {"name": call.name, field: ""}}]}
    for at in range(0, len(call.arguments), _ARGUMENT_PIECE):
        yield {"tool_calls": [{"index": index, kind: {field: call.arguments[at : at + _ARGUMENT_PIECE]}}]}


def _chunk(
    shared: dict[str, Any], index: int, delta: dict[str, Any], *, finish: str | None = None, logprobs: dict[str, Any] | None = None
) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return _event({**shared, "choices": [choice]})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
