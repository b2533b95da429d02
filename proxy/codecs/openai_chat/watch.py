"""The passthrough lane: whole events go by unchanged, and what the gateway must know is noted.

Source: OpenAI API reference, "The chat completion chunk object", read 2026-11-22. Hot: one `feed` per chunk of every live stream. Each
event's JSON is decoded into typed structs of the few fields looked at (0.8 µs, where a dict costs 1.4 µs); an event that does not
fit them (content as a list, other servers' liberties) is looked at as a dict. `id` and `model` are read until both are known.
"""

from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody, StreamWatcher
from proxy.codecs.openai_chat.errors import error_event, in_band_error
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.sse import SSEEvent, SSEParser, sse_event
from proxy.core.errors import ErrorInfo
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    function_call: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    object: str | None = None


class _Named(_Chunk, gc=False):
    id: str | None = None
    model: str | None = None
    service_tier: Any = None


class _Tiered(msgspec.Struct, gc=False):
    service_tier: Any = None


class _MoreDelta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: None = None
    audio: None = None


class _MoreChoice(msgspec.Struct, gc=False):
    delta: _MoreDelta
    index: int = 0
    finish_reason: None = None


class _More(msgspec.Struct, gc=False):
    """A chunk with text of one choice and nothing else: what it may not have is left to the decoder to find."""

    choices: tuple[_MoreChoice]
    usage: None = None
    error: None = None
    object: str | None = None


_SAID = ("content", "reasoning_content", "reasoning", "refusal")
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_more = msgspec.json.Decoder(_More).decode
_decode_named = msgspec.json.Decoder(_Named).decode
_decode_tiered = msgspec.json.Decoder(_Tiered).decode
_decode_any = msgspec.json.Decoder().decode


class OpenAIChatWatcher:
    """An event with an in-band error is not forwarded: `error` is set, and whoever owns the stream tells the client with `fail`."""

    def __init__(self) -> None:
        self.content = False
        self.complete = False
        self.ended = False
        self.error: ErrorInfo | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.usage_chunk = b""
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._parser = SSEParser()
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()
        self._done = False
        self._named = False
        self._alike = True
        """No chunk has been other than most are."""

    def feed(self, chunk: bytes) -> bytes:
        if self._named and self._alike and (data := self._parser.lone(chunk)) is not None and self._says_more(data):
            return chunk
        events = self._parser.feed(chunk)
        if len(events) == 1:
            return self._see(events[0])
        return b"".join([self._see(event) for event in events])

    def close(self) -> bytes:
        """An event without its blank line is none, by the standard."""
        self._parser.close()
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        return error_event(error)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _says_more(self, data: bytes) -> bool:
        """Whether the event is one with more text of a choice that has begun: nearly every chunk of nearly every stream, noted
        in half the time that the parser and `_see` take. False: nothing was noted, look closer."""
        if self._done:
            return False
        try:
            seen = _decode_more(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._alike = False  # other chunks of this stream will be like it, or it is the last: no look at them in vain
            return False
        choice = seen.choices[0]
        text = choice.delta.content
        if not text or choice.index not in self._unfinished or choice.delta.tool_calls or seen.object == "error":
            return False
        self.content = True
        self.text_bytes += len(text)
        return True

    def _see(self, event: SSEEvent) -> bytes:
        """What of the event is to be forwarded now."""
        if self._done:
            return b""
        data = event.data
        if not data or data.isspace():
            return event.raw
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self._done = True
            self.ended = self.complete
            return b""
        try:
            chunk = _decode_chunk(data) if self._named else self._introduce(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            chunk = _liberal(data)
        if chunk.error or chunk.object == "error" or event.event == b"error":
            self._fail(data)
            return b""
        if chunk.usage is not None:
            self.service_tier = billed_tier(_decode_tiered(data).service_tier) or self.service_tier
            self.usage = decode_usage(chunk.usage, self.service_tier)
        if chunk.choices:
            for choice in chunk.choices:
                self._note(choice)
        elif chunk.usage is not None:
            self.usage_chunk = event.raw
            return b""
        return event.raw

    def _introduce(self, data: bytes) -> _Chunk:
        chunk = _decode_named(data)
        self.response_id = self.response_id or chunk.id
        self.model = self.model or chunk.model
        if chunk.service_tier is not None:
            self.service_tier = billed_tier(chunk.service_tier)
        self._named = bool(self.response_id and self.model) or bool(chunk.choices)
        return chunk

    def _note(self, choice: _Choice) -> None:
        delta = choice.delta
        if delta is not None:
            text = delta.content or delta.reasoning_content or delta.reasoning or delta.refusal
            if text:
                self.content = True
                self.text_bytes += len(text)
            if delta.tool_calls or delta.function_call:
                self.content = self.tool_calls = True
                self.text_bytes += _size(delta)
            elif delta.audio:
                self.content = True
        index = choice.index
        if choice.finish_reason is not None:
            self._finished.add(index)
            self._unfinished.discard(index)
            self.complete = not self._unfinished
        elif index not in self._unfinished and index not in self._finished:
            self._unfinished.add(index)
            self.complete = False

    def _fail(self, data: bytes) -> None:
        self._done = True
        self.complete = self.ended = False
        self.error = in_band_error(_decode_any(data))


def _size(delta: _Delta) -> int:
    """Bytes of a tool call's JSON: an upper bound of its arguments."""
    calls = sum(len(memoryview(call)) for call in delta.tool_calls or ())
    return calls + sum(len(value) for value in (delta.function_call or {}).values() if isinstance(value, str))


def _liberal(data: bytes) -> _Chunk:
    """A chunk whose fields are not of the documented types; InvalidBody where it is no chunk at all."""
    try:
        value = _decode_any(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidBody(f"A stream event is not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise InvalidBody("A stream event is not a JSON object")
    error = value.get("error")
    if error or value.get("object") == "error":
        return _Chunk(error=error, object="error")
    choices = value.get("choices")
    usage = value.get("usage")
    if choices is not None and not (isinstance(choices, list) and all(isinstance(item, dict) for item in choices)):
        raise InvalidBody("choices must be an array of objects", "choices")
    return _Chunk(
        choices=None if choices is None else [_liberal_choice(item) for item in choices],
        usage=usage if isinstance(usage, dict) else None,
    )


def _liberal_choice(choice: dict[str, Any]) -> _Choice:
    """Content of another type counts as content with its JSON's size."""
    delta = choice.get("delta")
    index = choice.get("index")
    finish = choice.get("finish_reason")
    shown = _Delta()
    if isinstance(delta, dict):
        said = next((delta[key] for key in _SAID if delta.get(key)), None)
        calls, call, audio = (delta.get(key) for key in ("tool_calls", "function_call", "audio"))
        shown = _Delta(
            content=said if isinstance(said, str) or said is None else msgspec.json.encode(said).decode(),
            tool_calls=[msgspec.Raw(msgspec.json.encode(item)) for item in calls] if isinstance(calls, list) else None,
            function_call=call if isinstance(call, dict) else None,
            audio=audio if isinstance(audio, dict) else None,
        )
    return _Choice(
        delta=shown,
        index=index if isinstance(index, int) else 0,
        finish_reason=None if finish is None else str(finish),
    )


def finish_stream(usage_chunk: bytes, *, include_usage: bool, metadata: bytes | None) -> bytes:
    """The held-back usage event as it came, or with `metadata` before its closing brace; then `[DONE]`."""
    if not usage_chunk or not include_usage:
        return DONE
    if metadata is None:
        return usage_chunk + DONE
    events = SSEParser().feed(usage_chunk)
    if not events:
        return usage_chunk + DONE
    data = events[-1].data.rstrip()
    own = _decode_any(data)
    name = b"x_llm_edge" if "metadata" in own else b"metadata"
    return sse_event(data[:-1].rstrip() + b',"' + name + b'":' + metadata + b"}", events[-1].event) + DONE


_: type[StreamWatcher] = OpenAIChatWatcher
