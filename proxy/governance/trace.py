"""Outermost wrapper: gives the request its identity, is alone in wrapping `send`, turns every failure into an answer in the
client's dialect, and writes the one record of how it ended.

Fails open: nothing in here may refuse a request; metering errors are logged.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from time import monotonic
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.codecs.bedrock_converse import error_type
from proxy.core.clock import Clock
from proxy.core.context import SCOPE_KEY, RequestContext, ServerHook
from proxy.core.errors import ClientGone, EdgeError, ErrorInfo
from proxy.core.ids import trace_id as new_trace_id
from proxy.core.route import RouteInfo
from proxy.governance.bodies import ErrorBodies
from proxy.governance.response_headers import HeadBlocks, error_headers, response_headers

DISCONNECT_KEY = "llm_edge.disconnect"
"""Our server's protocol puts a ServerHook here; for others see `api.disconnect`."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
Classify = Callable[[str, str], RouteInfo]
"""(method, path below the mount point) → what is known of the route."""

Show = Callable[[RequestContext], Awaitable[None] | None]


class EndMeter(Protocol):
    """What is told of the end of each request, exactly once."""

    def request_started(self) -> None: ...

    def request_done(self, ctx: RequestContext, seconds: float) -> None: ...


class TraceMiddleware:
    def __init__(
        self,
        app: ASGIApp,
        *,
        classify: Classify,
        bodies: ErrorBodies,
        meter: EndMeter,
        clock: Clock,
        trusted_proxies: tuple[str, ...] = (),
        show: Show | None = None,
    ) -> None:
        """`show` is asked for the limits' standing before an error is answered that came before admission."""
        self.app = app
        self._classify = classify
        self._bodies = bodies
        self._meter = meter
        self._unix_time = clock.time
        self._blocks = HeadBlocks().block
        self._client_ip = ClientAddress(trusted_proxies)
        self._direct = not trusted_proxies
        self._show = show
        self._log = logging.getLogger("llm_edge")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ctx = self._begin(scope)
        ctx.send_body = send
        started = False

        async def send_traced(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                ctx.status = message["status"]
                message["headers"] = message["headers"] + response_headers(ctx)
            elif "body" in message:
                ctx.bytes_out += len(message["body"])
            await send(message)

        try:
            await self.app(scope, receive, send_traced)
        except EdgeError as exc:
            self._note(ctx, exc.info(), exc.code)
            if started or ctx.status:
                raise
            if not ctx.cancelled:
                await self._answer(ctx, exc.info(), send_traced)
        except asyncio.CancelledError:
            if not ctx.cancelled:
                raise
            _uncancel(ctx)
        except Exception:
            self._log.exception("unhandled error", extra={"trace_id": ctx.trace_id, "route": ctx.route.name})
            info = ErrorInfo(status=500, message="The gateway failed to handle this request.", code="internal_error")
            self._note(ctx, info, "internal_error")
            if started or ctx.status:
                raise
            await self._answer(ctx, info, send_traced)
        finally:
            self._end(ctx)

    def _begin(self, scope: Scope) -> RequestContext:
        headers = dict(scope["headers"])
        path = scope["path"]
        root = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        route = self._classify(scope["method"], path)
        now = self._unix_time()
        ctx = RequestContext(route, new_trace_id(now), monotonic(), headers, scope["query_string"], path, now)
        if b"traceparent" in headers and (match := _TRACEPARENT.fullmatch(headers[b"traceparent"])):
            ctx.trace_id = match[1].decode()
        client = scope.get("client")
        if client:
            ctx.client_ip = client[0] if self._direct else self._client_ip(client[0], headers)
        scope[SCOPE_KEY] = ctx
        hook: ServerHook | None = scope.get(DISCONNECT_KEY)
        if hook is None:
            ctx.task = asyncio.current_task()
        else:
            ctx.task = hook.task
            ctx.server, ctx.head = hook, self._blocks
            hook.set_callback(ctx.client_left)
        self._meter.request_started()
        return ctx

    def _note(self, ctx: RequestContext, info: ErrorInfo, code: str) -> None:
        ctx.error = code
        ctx.error_source = "provider" if info.blame == "provider" else "gateway"

    async def _answer(self, ctx: RequestContext, info: ErrorInfo, send: Send) -> None:
        ctx.route = ctx.route.seen_by(ctx.headers)
        if self._show is not None and ctx.principal is not None and ctx.limits is None:
            showing = self._show(ctx)
            if showing is not None:
                await showing
        body = self._bodies.render(ctx.route, info, ctx.trace_id)
        # Google's error to a client that asked for events is a JSON body under their type.
        events = ctx.route.family == "gemini" and ctx.route.stream and b"alt=sse" in ctx.query
        media = b"text/event-stream" if events else b"application/json"
        headers = [(b"content-type", media), (b"content-length", b"%d" % len(body)), *error_headers(info)]
        if ctx.route.family == "bedrock":
            headers.append((b"x-amzn-errortype", error_type(info).encode()))
        if ctx.body_unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": info.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _end(self, ctx: RequestContext) -> None:
        while ctx.settle:
            ctx.settle.pop()(ctx)
        if ctx.cancelled:
            ctx.error = ctx.error or ClientGone.code
            ctx.status = ctx.status or ClientGone.status
        self._meter.request_done(ctx, monotonic() - ctx.started)
        ctx.task = ctx.on_disconnect = ctx.server = ctx.check_body = None  # no cycle is left for the collector


def _uncancel(ctx: RequestContext) -> None:
    """The cancellation was ours (the client left) and ends here, an ordinary ending."""
    task: asyncio.Task[Any] | None = ctx.task
    if task is not None:
        task.uncancel()


class ClientAddress:
    """The peer's address, unless that is a trusted proxy: then the last untrusted X-Forwarded-For entry."""

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._trusted = tuple(ip_network(t, strict=False) for t in trusted)

    def __call__(self, peer: str, headers: dict[bytes, bytes]) -> str:
        if not self._trusted or not self._is_trusted(peer):
            return peer
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        for entry in reversed([e.strip() for e in forwarded.split(",") if e.strip()]):
            if not self._is_trusted(entry):
                return entry
        return peer

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)
