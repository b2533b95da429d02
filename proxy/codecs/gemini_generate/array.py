"""One JSON array in place of an event stream, for clients that did not ask for `alt=sse`: `[{…},\\n{…}]`.

Nothing may stand between the elements, so there is no keep-alive; an in-band error is the last element. Source: ai.google.dev
"models.streamGenerateContent", read 2026-11-25.
"""

from proxy.codecs.sse import SSEParser


class ArrayWriter:
    """Elements in, bytes out; nothing follows `end`."""

    def __init__(self) -> None:
        self._open = False
        self._ended = False

    def element(self, data: bytes) -> bytes:
        head = b",\n" if self._open else b"["
        self._open = True
        return head + data

    def end(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return b"]" if self._open else b"[]"


class EventsToArray:
    """This dialect's events, as any of its encoders and watchers write them → the array. For whoever writes to the client, after cache
    and followers, which keep events."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._parser = SSEParser(max_event_bytes=max_event_bytes)
        self._writer = ArrayWriter()

    def feed(self, frames: bytes) -> bytes:
        """Keep-alives disappear. Raises InvalidBody on an event over the cap."""
        return b"".join([self._writer.element(event.data) for event in self._parser.feed(frames) if event.data.strip()])

    def end(self) -> bytes:
        """The stream is over, whole or after its in-band error."""
        return self._writer.end()
