"""The passthrough lane: whole events go by unchanged, and what the gateway must know is noted.

Source: OpenAI API reference, "Streaming events" of Responses, read 2026-11-25. Hot: one `feed` per chunk of every live stream. A delta,
which is nearly every event, is known by its `event:` line and not parsed. Every other event's JSON is decoded into a typed struct of the
few fields looked at; what does not fit it is looked at as a dict.
"""

import re
from typing import Any

import msgspec

from proxy.codecs.base import StreamWatcher
from proxy.codecs.openai_chat.fields import optional, record, string
from proxy.codecs.openai_responses.errors import error_event, event_error, failed_error
from proxy.codecs.openai_responses.stream_decode import parse_event
from proxy.codecs.openai_responses.stream_encode import KEEP_ALIVE
from proxy.codecs.openai_responses.usage import decode_usage
from proxy.codecs.sse import SSEEvent, SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage

_SILENT = frozenset({"message", "reasoning"})
"""Items that show nothing before their first delta."""
_CALLS = frozenset({"function_call", "custom_tool_call"})


class _Item(msgspec.Struct, gc=False):
    type: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    output: list[_Item] | None = None
    service_tier: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str
    delta: str | None = None
    item: _Item | None = None
    response: _Response | None = None


_DELTA = re.compile(rb'"delta":"(?:[^"\\]|\\.)*+"')
_decode_event = msgspec.json.Decoder(_Event).decode


class ResponsesWatcher:
    """An `error` event and a `response.failed` are not forwarded: `error` is set, and whoever owns the stream tells the client with
    `fail`, which gives the provider's own event where the error is still the provider's."""

    def __init__(self) -> None:
        self.content = False
        self.complete = False
        self.ended = False
        self.error: ErrorInfo | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.usage_chunk = b""
        """Not of this dialect: the terminal event has the usage."""
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._parser = SSEParser()
        self._failure = b""
        """The provider's own last event, where it is an error."""
        self._latest = b""
        """Data of the latest event, for the number of one that we add."""
        self._over = False

    def feed(self, chunk: bytes) -> bytes:
        events = self._parser.feed(chunk)
        if len(events) == 1:
            return self._see(events[0])
        return b"".join([self._see(event) for event in events])

    def close(self) -> bytes:
        """An event without its blank line is none, by the standard."""
        self._parser.close()
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        if self._failure and self.error is not None and error.message == self.error.message:
            return self._failure
        return error_event(error, _number(self._latest) + 1)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _see(self, event: SSEEvent) -> bytes:
        """What of the event is to be forwarded now."""
        if self._over:
            return b""
        data = event.data
        if event.event is not None and event.event.endswith(b".delta"):
            self.content = True
            self.text_bytes += _text_length(data)
            self._latest = data
            return event.raw
        if not data or data.isspace():
            return event.raw
        if data.strip() == b"[DONE]":
            return b""
        try:
            seen = _decode_event(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            seen = _liberal(event)
        kind = seen.type
        self._latest = data
        if kind.endswith(".delta"):
            self.content = True
            self.text_bytes += len(seen.delta or "")
        elif kind == "error" or event.event == b"error" or kind == "response.failed":
            return self._fail(event, seen)
        elif seen.response is not None:
            self._note(kind, seen.response)
        elif kind.startswith("response.output_item."):
            self._note_item(seen.item)
        elif kind.endswith((".done", ".annotation.added", ".partial_image")):
            self.content = True
        return event.raw

    def _note(self, kind: str, response: _Response) -> None:
        self.response_id = self.response_id or response.id
        self.model = self.model or response.model
        self.service_tier = billed_tier(response.service_tier)
        if kind in ("response.completed", "response.incomplete"):
            self.complete = self.ended = self._over = True
            for item in response.output or ():
                self._note_item(item)
            if response.usage is not None:
                self.usage = decode_usage(response.usage, response.service_tier)

    def _note_item(self, item: _Item | None) -> None:
        kind = item.type if item is not None else None
        self.content = self.content or kind not in _SILENT
        self.tool_calls = self.tool_calls or kind in _CALLS

    def _fail(self, event: SSEEvent, seen: _Event) -> bytes:
        self._over = True
        self.complete = self.ended = False
        value = parse_event(event)
        response = value.get("response")
        if seen.type == "response.failed":
            self.error = failed_error(response if isinstance(response, dict) else {})
        else:
            self.error = event_error(value)
        if seen.response is not None and seen.response.usage is not None:
            self.usage = decode_usage(seen.response.usage, seen.response.service_tier)
        self._failure = event.raw
        return b""


def _liberal(event: SSEEvent) -> _Event:
    """An event whose fields are not of the documented types; InvalidBody where it is no event at all."""
    value = parse_event(event)
    kind = optional(value, "type", string, "") or ("error" if value.get("error") else "")
    delta, item = value.get("delta"), value.get("item")
    response = value.get("response")
    return _Event(
        type=kind,
        delta=delta if isinstance(delta, str) else None,
        item=_Item(type=str(item.get("type"))) if isinstance(item, dict) else None,
        response=None if response is None else _liberal_response(record(response, "response")),
    )


def _liberal_response(response: dict[str, Any]) -> _Response:
    texts = {key: response[key] for key in ("id", "model") if isinstance(response.get(key), str)}
    usage, output = response.get("usage"), response.get("output")
    items = [_Item(type=str(item.get("type"))) for item in output if isinstance(item, dict)] if isinstance(output, list) else None
    return _Response(usage=usage if isinstance(usage, dict) else None, output=items, service_tier=response.get("service_tier"), **texts)


def _text_length(data: bytes) -> int:
    """Bytes of a delta's text as spelled: exact but for escapes."""
    found = _DELTA.search(data)
    if found is not None:
        return found.end() - found.start() - 10
    return len(str(parse_event(SSEEvent(None, data, data)).get("delta") or ""))


def _number(data: bytes) -> int:
    """The `sequence_number` of an event; -1 where it has none."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return -1
    number = value.get("sequence_number") if isinstance(value, dict) else None
    return number if isinstance(number, int) else -1


_: type[StreamWatcher] = ResponsesWatcher
