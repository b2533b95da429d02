"""What a request tells the echo provider to do: delays, failures and sizes.

A directive may stand in three places, later ones winning:

- the model's name: `echo-slow-200ms`, `echo-status-429`, `echo-cut-3`, `echo-bytes-10000` (suffixes may follow each other);
- the last user text: `echo:latency_ms=50`, `echo:parallel`;
- the request's `metadata`, with the prefix `echo_` and values as strings or numbers: `{"echo_latency_ms": "50"}`.

| directive | value | effect |
|---|---|---|
| latency_ms | 0 to 600000 | wait before the answer's head |
| first_token_ms | 0 to 600000 | wait between a stream's head and its first piece |
| chunk_ms | 0 to 600000 | wait before each further piece of a stream |
| status | 200 to 599 | answer with this status and an OpenAI error body |
| retry_after | seconds or a date | `Retry-After` of that error |
| cut_after | 0 or more | end the stream cleanly after so many content pieces, with no finish and no `[DONE]` |
| error_after | 0 or more | in-band error after so many content pieces, then the end |
| reset | connect, tls, send, headers, body | break the connection in that phase (`body`: half-way through) |
| bytes | 0 to 16777216 | so many bytes of text instead of the echo |
| parallel | 1 or 0 | two tool calls instead of one |
"""

import re
from typing import Any, cast

import msgspec

from proxy.transport.base import Phase

_MAX_MS = 600_000
_MAX_BYTES = 16 * 1024 * 1024
_MAX_PIECES = 1_000_000
_PHASES = ("connect", "tls", "send", "headers", "body")
_NAMES = "latency_ms|first_token_ms|chunk_ms|status|retry_after|cut_after|error_after|reset|bytes|parallel"
_KNOWN = frozenset(_NAMES.split("|"))
_IN_TEXT = re.compile(rf"\becho:({_NAMES})(?:=([\w.:+-]+))?")
_IN_MODEL = re.compile(r"-(slow|status|cut|bytes)-(\d+)(?:ms)?(?=-|$)")
_MODEL_WORDS = {"slow": "latency_ms", "status": "status", "cut": "cut_after", "bytes": "bytes"}


class ScriptError(ValueError):
    """A directive with an unknown name or a value out of range; the message says which."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    latency_s: float = 0.0
    first_token_s: float = 0.0
    chunk_s: float = 0.0
    status: int = 200
    retry_after: str | None = None
    cut_after: int | None = None
    error_after: int | None = None
    reset: Phase | None = None
    bytes: int | None = None
    parallel: bool = False


PLAIN = Script()
"""No directive: shared, since nearly every request has none."""


def read_script(model: str, text: str, metadata: object) -> Script:
    """Raises ScriptError."""
    found: dict[str, str] = {}
    if "-" in model:
        found.update((_MODEL_WORDS[word], value) for word, value in _IN_MODEL.findall(model))
    if "echo:" in text:
        found.update((name, value or "1") for name, value in _IN_TEXT.findall(text))
    if isinstance(metadata, dict):
        found.update(_of_metadata(metadata))
    return _script(found) if found else PLAIN


def _of_metadata(metadata: dict[str, Any]) -> dict[str, str]:
    found = {str(key).removeprefix("echo_"): str(value) for key, value in metadata.items() if str(key).startswith("echo_")}
    for name in found:
        if name not in _KNOWN:
            raise ScriptError(f"metadata.echo_{name}: no such directive; known are {', '.join(sorted(_KNOWN))}")
    return found


def _script(found: dict[str, str]) -> Script:
    return Script(
        latency_s=_whole(found, "latency_ms", 0, _MAX_MS, default=0) / 1e3,
        first_token_s=_whole(found, "first_token_ms", 0, _MAX_MS, default=0) / 1e3,
        chunk_s=_whole(found, "chunk_ms", 0, _MAX_MS, default=0) / 1e3,
        status=_whole(found, "status", 200, 599, default=200),
        retry_after=found.get("retry_after"),
        cut_after=_optional(found, "cut_after", _MAX_PIECES),
        error_after=_optional(found, "error_after", _MAX_PIECES),
        reset=_phase(found.get("reset")),
        bytes=_optional(found, "bytes", _MAX_BYTES),
        parallel=_whole(found, "parallel", 0, 1, default=0) == 1,
    )


def _optional(found: dict[str, str], name: str, high: int) -> int | None:
    return _whole(found, name, 0, high, default=0) if name in found else None


def _whole(found: dict[str, str], name: str, low: int, high: int, *, default: int) -> int:
    text = found.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and low <= int(text) <= high):
        raise ScriptError(f"echo directive {name}: {text!r} is not a whole number from {low} to {high}")
    return int(text)


def _phase(value: str | None) -> Phase | None:
    if value is not None and value not in _PHASES:
        raise ScriptError(f"echo directive reset: {value!r} is none of {', '.join(_PHASES)}")
    return cast("Phase | None", value)
