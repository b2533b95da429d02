"""The headers that the gateway adds to answers: ids, security, and on model routes what was done."""

from functools import lru_cache
from time import monotonic

from proxy.core.context import RequestContext
from proxy.core.errors import ErrorInfo
from proxy.core.money import NANOS_PER_USD, usd_text

MAX_BLOCKS = 1024
"""Distinct repeating parts kept, some 300 bytes each; then all are made anew."""

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_DENY = (b"x-frame-options", b"DENY")

_CACHE_HEADERS: dict[tuple[str, str | None], list[tuple[bytes, bytes]]] = {
    ("miss", None): [(b"x-llm-edge-cache", b"miss"), (b"x-cache-status", b"MISS")],
    ("bypass", None): [(b"x-llm-edge-cache", b"bypass"), (b"x-cache-status", b"MISS")],
    **{
        ("hit", tier): [
            (b"x-llm-edge-cache", b"hit"),
            (b"x-cache-status", b"HIT"),
            (b"x-llm-edge-cache-tier", tier.encode()),
            (b"x-cache-layer", tier.upper().encode()),
        ]
        for tier in ("l1", "l2", "semantic")
    },
}


_ID_NAMES = {"anthropic": b"request-id", "bedrock": b"x-amzn-requestid"}


def response_headers(ctx: RequestContext) -> list[tuple[bytes, bytes]]:
    """For an answer sent as messages of ASGI."""
    head = [(b"x-trace-id", ctx.trace_id.encode()), (_id_name(ctx), ctx.request_id.encode()), _NOSNIFF, _DENY]
    if ctx.limits is not None:
        head += ctx.limits.pairs()
    if ctx.headers_out:
        head += ctx.headers_out
    if ctx.route.dialect is not None:
        _add_constant(ctx, head)
        if ctx.attempts or ctx.cache_status is not None:
            head.append((b"x-llm-edge-overhead-ms", b"%.3f" % _overhead_ms(ctx)))
        _add_particular(ctx, head)
    if ctx.error_source is not None:
        head.append((b"x-llm-edge-error-source", ctx.error_source.encode()))
    return head


class HeadBlocks:
    """The same headers as one block of lines for a whole JSON answer of a model route that goes out at once. What repeats is put together
    once: a third of the cost of a list of pairs that the server takes apart again."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], bytes] = {}

    def block(self, ctx: RequestContext) -> bytes:
        """Lines with CRLF. Values made from names are ASCII (`ascii_header`), so nothing in it can end a line."""
        cost = ctx.cost_nanos
        key = (ctx.route.family, ctx.provider, ctx.served_model, ctx.cache_status, ctx.cache_tier, len(ctx.attempts), cost is None)
        template = self._known.get(key) or self._learn(key, ctx)
        if cost is None:
            ms = (monotonic() - ctx.started - ctx.upstream_s) * 1e3
            lines = template % (ctx.trace_id.encode(), ctx.request_id.encode(), ms)
        else:
            dollars, nanos = divmod(cost, NANOS_PER_USD)
            lines = template % (ctx.trace_id.encode(), ctx.request_id.encode(), _overhead_ms(ctx), dollars, nanos)
        if ctx.limits is not None:
            lines += ctx.limits.lines()
        if ctx.headers_out or ctx.dropped or ctx.provider_request_id is not None:
            pairs = [(name, ascii_header(value.decode("latin-1"))) for name, value in ctx.headers_out]
            _add_particular(ctx, pairs, cost=False)
            return lines + _lines(pairs)
        return lines

    def _learn(self, key: tuple[object, ...], ctx: RequestContext) -> bytes:
        pairs = [(b"content-type", b"application/json"), _NOSNIFF, _DENY]
        _add_constant(ctx, pairs)
        constant = _lines(pairs).replace(b"%", b"%%")
        template = b"x-trace-id: %%b\r\n%b: %%b\r\nx-llm-edge-overhead-ms: %%.3f\r\n" % _id_name(ctx)
        if ctx.cost_nanos is not None:
            template += b"x-llm-edge-cost-usd: %d.%09d\r\n"
        template += constant
        if len(self._known) >= MAX_BLOCKS:
            self._known.clear()
        self._known[key] = template
        return template


def error_headers(info: ErrorInfo) -> list[tuple[bytes, bytes]]:
    """`Retry-After` (whole seconds, at least 1; of our own limits exactly, too), and `x-should-retry: false` where a retry cannot help."""
    headers: list[tuple[bytes, bytes]] = []
    if info.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, -int(-info.retry_after_s // 1))))
        if info.code == "rate_limit_exceeded" and info.blame == "client":
            headers.append((b"retry-after-ms", b"%d" % -int(-info.retry_after_s * 1000 // 1)))
    if not info.retryable:
        headers.append((b"x-should-retry", b"false"))
    return headers


@lru_cache(maxsize=1024)
def ascii_header(text: str) -> bytes:
    """Header values made from names are ASCII or percent-encoded."""
    raw = text.encode("utf-8", "surrogatepass")
    if raw.isascii() and text.isprintable():
        return raw
    return b"".join(bytes((b,)) if 0x20 < b < 0x7F and b != 0x25 else b"%%%02X" % b for b in raw)


def _id_name(ctx: RequestContext) -> bytes:
    return _ID_NAMES.get(ctx.route.family, b"x-request-id")


def _overhead_ms(ctx: RequestContext) -> float:
    return (monotonic() - ctx.started - ctx.upstream_s) * 1e3


def _lines(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in pairs])


def _add_constant(ctx: RequestContext, head: list[tuple[bytes, bytes]]) -> None:
    """What many answers have in common."""
    if ctx.provider is not None:
        head.append((b"x-llm-edge-provider", ascii_header(ctx.provider)))
    if ctx.served_model is not None:
        head.append((b"x-llm-edge-model", ascii_header(ctx.served_model)))
    if ctx.cache_status is not None:
        head += _CACHE_HEADERS[ctx.cache_status, ctx.cache_tier]
    if ctx.attempts or ctx.cache_status is not None:
        head.append((b"x-llm-edge-attempts", b"%d" % len(ctx.attempts)))


def _add_particular(ctx: RequestContext, head: list[tuple[bytes, bytes]], *, cost: bool = True) -> None:
    """What is this answer's own. `cost` False: that is there already."""
    if cost and ctx.cost_nanos is not None:
        head.append((b"x-llm-edge-cost-usd", usd_text(ctx.cost_nanos)))
    if ctx.provider_request_id is not None:
        head.append((b"x-llm-edge-provider-request-id", ascii_header(ctx.provider_request_id)))
    if ctx.dropped:
        head.append((b"x-llm-edge-dropped", ascii_header(",".join(ctx.dropped))[:4096]))
