"""The passthrough lane's watcher: whole events go on byte for byte, only the few that say something are parsed.

A content delta, which is nearly every event of a stream, is known by its `event:` line alone. Upstreams that leave that line out cost a
parse each.
"""

from typing import Any

from proxy.codecs.anthropic_messages import fields
from proxy.codecs.anthropic_messages.errors import decode_stream_error, error_event
from proxy.codecs.anthropic_messages.stream import parse_event
from proxy.codecs.anthropic_messages.stream_out import PING
from proxy.codecs.anthropic_messages.usage import decode_usage, merge_usage
from proxy.codecs.sse import SSEParser
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage

_SILENT = ("text", "thinking")
_UNREAD = frozenset((b"ping", b"content_block_stop"))


class MessagesStreamWatcher:
    """An `error` event, and what follows it, is not forwarded: `error` is set, and whoever owns the stream tells the client by `fail`."""

    __slots__ = (
        "_parser",
        "_raw_usage",
        "complete",
        "content",
        "ended",
        "error",
        "model",
        "response_id",
        "service_tier",
        "text_bytes",
        "tool_calls",
        "usage",
        "usage_chunk",
    )

    def __init__(self) -> None:
        self.content = False
        self.complete = False
        self.error: ErrorInfo | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.ended = False
        self.usage_chunk = b""
        """This dialect has no event of the kind."""
        self.tool_calls = False
        self.text_bytes = 0
        self.service_tier: str | None = None
        self._parser = SSEParser()
        self._raw_usage: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> bytes:
        if self.error is not None:
            return b""
        events = self._parser.feed(chunk)
        for place, event in enumerate(events):
            name = event.event
            if name == b"content_block_delta":
                self.content = True
                self.text_bytes += _text_length(event.data)
            elif name not in _UNREAD and not self._read(event.data):
                del events[place:]
                break
        if len(events) == 1:
            return events[0].raw
        return b"".join([event.raw for event in events])

    def close(self) -> bytes:
        """The rest belongs to no whole event."""
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        return error_event(error)

    def keep_alive(self) -> bytes:
        return PING

    def _read(self, data: bytes) -> bool:
        """False for the provider's error, with which the stream is over."""
        event = parse_event(data)
        kind = event.get("type")
        if kind == "content_block_delta":
            self.content = True
            self.text_bytes += _text_length(data)
        elif kind == "content_block_start":
            self._start(fields.as_object(event.get("content_block"), "content_block_start.content_block"))
        elif kind == "message_start":
            message = fields.as_object(event.get("message"), "message_start.message")
            self.response_id = fields.optional_text(message, "id", "message_start.message")
            self.model = fields.optional_text(message, "model", "message_start.message")
            self._count(message.get("usage"), "message_start.message.usage")
        elif kind == "message_delta":
            self._count(event.get("usage"), "message_delta.usage")
        elif kind == "message_stop":
            self.complete = self.ended = True
        elif kind == "error":
            self.error = decode_stream_error(event)
            self.ended = True
            return False
        return True

    def _start(self, block: dict[str, Any]) -> None:
        """A text or thinking block shows nothing before its first delta; every other one does."""
        kind = block.get("type")
        self.tool_calls = self.tool_calls or kind == "tool_use"
        self.content = self.content or kind not in _SILENT or bool(block.get(str(kind)))

    def _count(self, usage: Any, path: str) -> None:
        if usage is not None:
            self._raw_usage = merge_usage(self._raw_usage, fields.as_object(usage, path))
            self.usage = decode_usage(self._raw_usage, path)
            self.service_tier = self.usage.service_tier


def _text_length(data: bytes) -> int:
    """Bytes of a delta's last string, as spelled in `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"…"}}`:
    exact but for escapes and for upstreams that order or space the fields otherwise, a third of a parse. A signature is no output."""
    kind = data.find(b'_delta"', 30)
    if kind < 0 or data.endswith(b"signature", 0, kind):
        return 0
    return max(0, data.rfind(b'"') - data.find(b":", kind) - 2)
