"""The two lanes of a stream behind one face: passthrough (a watcher over the same dialect's bytes) and translate (decoder, then
encoder). Both forward whole events only and hold back the usage chunk, which each reader shows or not as its client asked.
"""

import msgspec

from proxy.codecs.base import StreamDecoder, StreamEncoder, StreamWatcher
from proxy.core.errors import ErrorInfo
from proxy.core.events import StreamEnd, StreamEvent, StreamFailed, StreamStart, UsageUpdate, is_content
from proxy.core.pricing import billed_tier
from proxy.core.response import Usage
from proxy.pipeline.replay import own_id

Lane = StreamWatcher


class TranslateLane:
    """Upstream dialect → canonical events → client dialect."""

    def __init__(
        self, decoder: StreamDecoder, encoder: StreamEncoder, *, dialect: str = "", model: str = "", known_as: str | None = None
    ) -> None:
        """`dialect`: the client's, whose form the answer's id gets; `model`: for upstreams whose dialect does not name it (Converse);
        `known_as`: the answer's id whatever the provider says."""
        self._decoder = decoder
        self._dialect = dialect
        self._own_model = model
        self._known_as = known_as
        self._encoder = encoder
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

    def feed(self, chunk: bytes) -> bytes:
        return b"".join([self._show(event) for event in self._decoder.feed(chunk)])

    def close(self) -> bytes:
        return b"".join([self._show(event) for event in self._decoder.close()])

    def fail(self, error: ErrorInfo) -> bytes:
        return self._encoder.fail(error)

    def keep_alive(self) -> bytes:
        return self._encoder.keep_alive()

    @property
    def dropped(self) -> list[str]:
        return self._encoder.dropped

    def _show(self, event: StreamEvent) -> bytes:
        if isinstance(event, StreamFailed):
            self.error = event.error
            return b""
        if isinstance(event, UsageUpdate):
            self.usage = event.usage
            self.service_tier = event.usage.service_tier
        elif isinstance(event, StreamStart):
            name = self._known_as or own_id(self._dialect, event.id)
            event = msgspec.structs.replace(event, id=name, model=event.model or self._own_model)
            self.model = event.model
            self.response_id = event.id
            self.service_tier = billed_tier(event.service_tier)
        elif isinstance(event, StreamEnd):
            self.complete = self.ended = True
        elif is_content(event):
            self.content = True
            self.text_bytes += len(getattr(event, "text", "") or getattr(event, "json", "") or "")
            self.tool_calls = self.tool_calls or getattr(event, "kind", "") == "tool_use"
        shown = self._encoder.encode(event)
        self.usage_chunk = self._encoder.usage_chunk
        return shown


_: type[Lane] = TranslateLane
