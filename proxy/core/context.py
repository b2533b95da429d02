"""The one mutable record of a request: wrappers and pipeline leave here what others need; `governance` and `pipeline` meet nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from proxy.core.errors import EdgeError
from proxy.core.identity import Principal
from proxy.core.response import Usage
from proxy.core.route import RouteInfo

SCOPE_KEY = "llm_edge"
"""Where the RequestContext stands in an ASGI scope."""


class Verdict:
    """A `permit` or `top_up` answer: allowed, or the error to give the client for this target."""

    __slots__ = ("error",)

    def __init__(self, error: EdgeError | None = None) -> None:
        self.error = error


ALLOWED = Verdict()


class Permit(Protocol):
    def __call__(self, provider: str, model: str) -> Verdict: ...


class AttemptRecord:
    """One try on the wire (or one that died before its first byte)."""

    __slots__ = ("duration_s", "error", "first_byte_s", "model", "provider", "role", "sent", "status")

    def __init__(self, provider: str, model: str) -> None:
        self.provider = provider
        self.model = model
        self.status: int | None = None
        self.error: str | None = None
        self.sent = False
        self.duration_s = 0.0
        self.first_byte_s: float | None = None
        self.role = "primary"
        """primary | retry (of a target tried before) | fallback (to another one)."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "model": self.model,
            "status": self.status,
            "error": self.error,
            "sent": self.sent,
            "duration_ms": round(self.duration_s * 1e3, 3),
        }


def _allow(provider: str, model: str) -> Verdict:
    return ALLOWED


class RequestContext:
    """Slots, not a dict: a misspelt field is an error and access is cheap."""

    __slots__ = (
        "attempts",
        "body",
        "body_bytes_in",
        "body_unread",
        "bytes_out",
        "cache_status",
        "cache_tier",
        "cancelled",
        "client_ip",
        "cost_nanos",
        "deadline",
        "dropped",
        "ending",
        "error",
        "error_source",
        "first_token_s",
        "headers",
        "headers_out",
        "json",
        "model",
        "on_disconnect",
        "permit",
        "principal",
        "provider",
        "provider_request_id",
        "query",
        "raw_path",
        "request_id",
        "route",
        "send_body",
        "served_model",
        "settle",
        "started",
        "status",
        "stream",
        "task",
        "top_up",
        "trace_id",
        "unix_started",
        "upstream_s",
        "usage",
    )

    def __init__(self, route: RouteInfo, trace_id: str, started: float) -> None:
        self.route = route
        self.trace_id = trace_id
        self.request_id = trace_id
        self.started = started
        """Loop time in seconds."""
        self.unix_started = 0.0
        self.raw_path = ""
        """Below the mount point."""
        self.query = b""
        self.headers: dict[bytes, bytes] = {}
        """Request headers, lower-case names, last value."""
        self.client_ip = ""
        self.principal: Principal | None = None
        self.body = b""
        self.body_bytes_in = 0
        self.body_unread = False
        """Refused before its body was read: the connection cannot be used again."""
        self.bytes_out = 0
        self.json: Any = None
        self.model: str | None = None
        """As the client asked."""
        self.served_model: str | None = None
        self.provider: str | None = None
        self.provider_request_id: str | None = None
        self.stream = False
        self.status = 0
        self.error: str | None = None
        """Machine code of what went wrong."""
        self.error_source: str | None = None
        self.cancelled = False
        """The client left."""
        self.ending = False
        """The gateway stops and its grace is over."""
        self.cache_status: str | None = None
        self.cache_tier: str | None = None
        self.usage: Usage | None = None
        self.cost_nanos: int | None = None
        self.attempts: list[AttemptRecord] = []
        self.dropped: list[str] = []
        self.upstream_s = 0.0
        """Seconds spent waiting for upstreams."""
        self.first_token_s: float | None = None
        self.deadline: float | None = None
        self.send_body: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        """The server's own `send`, for the pieces of a stream; whoever uses it adds to `bytes_out`."""
        self.headers_out: list[tuple[bytes, bytes]] = []
        """Added to the response by the trace wrapper."""
        self.permit: Permit = _allow
        self.top_up: Permit = _allow
        self.settle: list[Callable[[RequestContext], None]] = []
        """Run once each, in reverse, when the request has ended, however it ended."""
        self.on_disconnect: Callable[[], None] | None = None
        """What to do instead of cancelling `task` when the client leaves."""
        self.task: asyncio.Task[Any] | None = None

    def end_now(self) -> None:
        """The drain's last call: whoever works for this request ends it with an error that says so."""
        if not self.ending and not self.cancelled:
            self.ending = True
            if self.task is not None:
                self.task.cancel()

    def client_left(self) -> None:
        """The connection is gone before the answer was complete. Called once, by the server's protocol."""
        if self.cancelled:
            return
        self.cancelled = True
        if self.on_disconnect is not None:
            self.on_disconnect()
        elif self.task is not None:
            self.task.cancel()
