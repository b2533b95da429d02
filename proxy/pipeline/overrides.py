"""What a request may want otherwise than its entry, by header, and who may.

    x-llm-edge-strategy: cost              needs the scope `routing`
    x-llm-edge-debug: route                needs the scope `routing`: the answer's head tells targets, prices and health
    x-llm-edge-tags: eu, region=eu-west-1  any key: it can only narrow where the request goes

Decided before the cache is asked: answers that were got another way are not shared, as the route's digest is another one.
"""

import hashlib

import msgspec

from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, Forbidden
from proxy.core.identity import ROUTING
from proxy.routing.explain import no_route_header
from proxy.routing.filters import TAGS_HEADER
from proxy.routing.table import RouteTable
from proxy.routing.target import Route, Wishes

ROUTE_HEADER = b"x-llm-edge-route"
STRATEGY, TAGS, DEBUG = b"x-llm-edge-strategy", TAGS_HEADER.encode(), b"x-llm-edge-debug"
MAX_TAGS = 16
DEBUGGED = frozenset({b"route", b"cache"})
KEY_HEADER = b"x-llm-edge-cache-key"


def overridden(routes: RouteTable, ctx: RequestContext, route: Route) -> Route:
    """Raises Forbidden or BadRequest naming the header."""
    debug = DEBUG in ctx.headers
    if debug:
        _require_scope(ctx, DEBUG)
        wanted = {word.strip() for word in ctx.headers[DEBUG].lower().split(b",")}
        if not wanted <= DEBUGGED:
            raise BadRequest(f"{DEBUG.decode()} can be: route, cache", param=DEBUG.decode())
        debug = b"route" in wanted
        if debug:
            show_route(ctx, no_route_header("no target was chosen"))
    if STRATEGY in ctx.headers:
        _require_scope(ctx, STRATEGY)
        try:
            route = routes.by_strategy(route, ctx.headers[STRATEGY].decode("latin-1"))
        except BadRequest as exc:
            raise BadRequest(f"{STRATEGY.decode()}: {exc.message}", code=exc.code, param=STRATEGY.decode()) from None
    tags = _tags(ctx.headers[TAGS].decode("latin-1")) if TAGS in ctx.headers else frozenset()
    digest = route.digest
    if tags:
        digest = hashlib.sha256(msgspec.json.encode((digest, sorted(tags)))).hexdigest()
    return msgspec.structs.replace(route, asked=Wishes(tags=tags, debug=debug), settled=None, digest=digest)


def show_route(ctx: RequestContext, value: bytes) -> None:
    """In the answer's head, whatever the answer; the last word counts."""
    ctx.headers_out = [pair for pair in ctx.headers_out if pair[0] != ROUTE_HEADER]
    ctx.headers_out.append((ROUTE_HEADER, value))


def _require_scope(ctx: RequestContext, header: bytes) -> None:
    if ctx.principal is not None and not ctx.principal.has_scope(ROUTING):
        name = header.decode()
        raise Forbidden(f"{name} needs a key with the scope {ROUTING}", code="scope_required", param=name)


def _tags(text: str) -> frozenset[str]:
    tags = frozenset(tag for part in text.lower().split(",") if (tag := part.strip()))
    if not tags:
        raise BadRequest(f"{TAGS_HEADER} must name tags, separated by commas", param=TAGS_HEADER)
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"{TAGS_HEADER} names {len(tags)} tags, {MAX_TAGS} at most are looked at", param=TAGS_HEADER)
    return tags
