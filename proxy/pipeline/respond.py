"""Writing the answer: whole bodies with their spliced metadata, and streams that are committed once."""

from time import monotonic
from typing import Protocol

import orjson
from starlette.types import Send

from proxy.core.context import RequestContext
from proxy.core.money import usd

_STREAM_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_JSON = (b"content-type", b"application/json")


class Reframe(Protocol):
    def feed(self, frames: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class Responder:
    """One response. `started`: status and headers are out, from here on failures are in-band."""

    __slots__ = ("_body", "_ctx", "_send", "_stream_type", "busy", "ended", "reframe", "started", "touched")

    def __init__(self, ctx: RequestContext, send: Send, stream_type: bytes = b"text/event-stream; charset=utf-8") -> None:
        self._ctx = ctx
        self.reframe: Reframe | None = None
        """Writes events in another form for this client alone; cache and followers keep events."""
        self._stream_type = stream_type
        self._send = send
        self._body = ctx.send_body or send
        self.started = False
        self.ended = False
        self.busy = False
        """A write waits for the client."""
        self.touched = 0.0
        """Loop time of the last write."""

    def whole(self, body: bytes) -> bool:
        """The same as `json` at once, where the server can; False: nothing was done."""
        ctx = self._ctx
        server, head = ctx.server, ctx.head
        if server is None or head is None or not server.answer(200, head(ctx), body):
            return False
        self.started = self.ended = True
        ctx.status = 200
        ctx.bytes_out += len(body)
        return True

    async def json(self, body: bytes) -> None:
        self.started = self.ended = True
        await self._send({"type": "http.response.start", "status": 200, "headers": [_JSON, (b"content-length", b"%d" % len(body))]})
        self._ctx.bytes_out += len(body)
        await self._body({"type": "http.response.body", "body": body})

    async def write(self, data: bytes) -> None:
        """A piece of a stream; the first one sends status and headers. Pieces go past the wrapper of `send`, which only counts them:
        a coroutine saved on each chunk of each stream."""
        self.busy = True
        if self.reframe is not None and data:
            data = self.reframe.feed(data)
        if not self.started:
            self.started = True
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", self._stream_type), *_STREAM_HEADERS]}
            )
        if data:
            self._ctx.bytes_out += len(data)
            await self._body({"type": "http.response.body", "body": data, "more_body": True})
        self.busy = False
        self.touched = monotonic()

    async def end(self, data: bytes = b"") -> None:
        if not self.started:
            await self.write(b"")
        self.ended = True
        if self.reframe is not None:
            data = self.reframe.feed(data) + self.reframe.end()
        await self._send({"type": "http.response.body", "body": data})


def metadata(ctx: RequestContext) -> bytes:
    """E's object: `{provider, cached, cache_tier, latency_ms, cost_usd}`."""
    cached = ctx.cache_status == "hit"
    return orjson.dumps(
        {
            "provider": "cache" if cached else ctx.provider,
            "cached": cached,
            "cache_tier": ctx.cache_tier if cached else None,
            "latency_ms": int((monotonic() - ctx.started) * 1e3),
            "cost_usd": 0.0 if cached else (None if ctx.cost_nanos is None else usd(ctx.cost_nanos)),
        }
    )


def splice_object(body: bytes, name: bytes, value: bytes) -> bytes:
    """Add a member at the end of a JSON object without touching the rest. `body` is known to be a non-empty object."""
    end = body.rindex(b"}")
    return b'%b,"%b":%b}' % (body[:end].rstrip(), name, value)
