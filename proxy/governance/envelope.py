"""The body: read once, capped before and after decompression, parsed once. Fails closed: what cannot be judged is refused.

Caps are bytes: `models` for generation routes, `admin` for the rest (PRODUCT.md, Configuration).
"""

import zlib
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.codecs.base import InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import BadRequest, ClientGone, TooLarge, UnsupportedMedia

_CODED = frozenset((b"content-encoding", b"expect"))


class EnvelopeMiddleware:
    def __init__(self, app: ASGIApp, *, models_max: int, admin_max: int, max_depth: int = 128) -> None:
        self.app = app
        self._models_max = models_max
        self._admin_max = admin_max
        self._max_depth = max_depth

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            if ctx.route.reads_body:
                headers = ctx.headers
                server = ctx.server
                body = None
                if (
                    server is not None
                    and ctx.check_body is None
                    and headers.get(b"content-type") == b"application/json"
                    and _CODED.isdisjoint(headers)
                    and ctx.route.dialect is not None
                ):
                    body = server.whole_body()
                if body is None:
                    return self._receive(ctx, scope, receive, send)
                if len(body) > self._models_max:
                    raise _too_large(self._models_max)
                self._parse(ctx, body)  # the usual request: all of it is in
        return self.app(scope, receive, send)

    async def _receive(self, ctx: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        await self._open(ctx, receive)
        await self.app(scope, receive, send)

    async def _open(self, ctx: RequestContext, receive: Receive) -> None:
        limit = self._models_max if ctx.route.dialect is not None else self._admin_max
        ctx.body_unread = True
        length = ctx.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        media = ctx.headers.get(b"content-type")
        if media is not None and not _is_json(media):
            raise UnsupportedMedia(f"Content-Type must be application/json, not {media.decode('latin-1')[:80]!r}", param="content-type")
        encoding = ctx.headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"identity", b"", b"gzip", b"x-gzip", b"zstd"):
            raise UnsupportedMedia("Content-Encoding must be gzip, zstd or identity", param="content-encoding")
        body = await _read(ctx, receive, limit, await receive())
        ctx.body_unread = False
        if ctx.check_body is not None:
            await ctx.check_body(body)
        received = len(body)
        if encoding not in (b"identity", b""):
            body = decompress(encoding, body, limit)
        if not body and ctx.route.admin:
            ctx.json = {}  # what can be said without a body, A's clients say without one
        else:
            self._parse(ctx, body)
        ctx.body_bytes_in = received

    def _parse(self, ctx: RequestContext, body: bytes) -> None:
        ctx.body = body
        ctx.body_bytes_in = len(body)
        try:
            ctx.json = parse_object(body, max_depth=self._max_depth)
        except InvalidBody as exc:
            raise BadRequest(exc.message, code="invalid_json" if not exc.path else "invalid_request", param=exc.path or None) from None


async def _read(ctx: RequestContext, receive: Receive, limit: int, message: Message) -> bytes:
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            ctx.cancelled = True
            raise ClientGone("the client left while its request was read")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def decompress(encoding: bytes, body: bytes, limit: int) -> bytes:
    """Raises TooLarge past `limit` bytes, UnsupportedMedia where zstd is not installed, BadRequest on a damaged body."""
    if encoding == b"zstd":
        return _zstd(body, limit)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise BadRequest("the body is not valid gzip", code="invalid_encoding", param="content-encoding") from None
    if len(data) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise BadRequest("the gzip body is cut short", code="invalid_encoding", param="content-encoding")
    return data


def _zstd(body: bytes, limit: int) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise UnsupportedMedia("zstd bodies need the extra llm-edge[compression] on the gateway; send gzip or no encoding") from None
    reader = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).stream_reader(body)
    try:
        data: bytes = reader.read(limit + 1)
    except zstandard.ZstdError:
        raise BadRequest("the body is not valid zstd", code="invalid_encoding", param="content-encoding") from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request body is over {limit} bytes")


def _is_json(media: bytes) -> bool:
    kind = media.partition(b";")[0].strip().lower()
    return kind == b"application/json" or kind.endswith(b"+json") or kind == b"text/json"
