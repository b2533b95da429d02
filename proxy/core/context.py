"""The one mutable record of a request: wrappers and pipeline leave here what others need; `governance` and `pipeline` meet nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import msgspec

from proxy.core.errors import EdgeError, UpstreamTimeout
from proxy.core.identity import Principal
from proxy.core.pricing import Cost
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


class TopUp(Protocol):
    """Asked before each try. Awaitable where money and tokens are counted elsewhere."""

    def __call__(self, provider: str, model: str) -> Verdict | Awaitable[Verdict]: ...


class Standing(Protocol):
    """Where a request's limits stand, as headers for the client."""

    def lines(self) -> bytes:
        """With CRLF."""
        ...

    def pairs(self) -> list[tuple[bytes, bytes]]: ...


class ServerHook(Protocol):
    """What our own server offers beyond ASGI: the same things, without a coroutine and a message for each."""

    task: asyncio.Task[Any] | None
    """The request's."""

    def set_callback(self, callback: Callable[[], None]) -> None:
        """`callback()` runs once, in the loop, if the client leaves before the answer is complete."""
        ...

    def whole_body(self) -> bytes | None:
        """The body, if all of it is in; it will not be received again then."""
        ...

    def answer(self, status: int, lines: bytes, body: bytes) -> bool:
        """The whole answer. `lines`: its headers as they go out, valid, each with CRLF; length and connection are added. False, and
        nothing done, where the client takes no more just now."""
        ...

    def write(self, piece: bytes) -> bool:
        """A piece, not empty, of a stream that has been started. False: it is on its way, but the client takes no more just now."""
        ...


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a try cost that did not answer alone: one that lost to another, or was continued by another. Its tokens are told by the provider
    as far as it came, or estimated."""

    usage: Usage
    cost: Cost
    payer: Literal["caller", "gateway"] = "caller"
    """caller: it is part of the request's cost."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.output_tokens,
            "tokens_estimated": self.usage.estimated,
            "cost_nanos": None if self.cost.unpriced else self.cost.total,
            "payer": self.payer,
        }


class AttemptRecord(msgspec.Struct, eq=False):
    """One try on the wire (or one that died before its first byte)."""

    provider: str
    model: str
    status: int | None = None
    error: str | None = None
    cause: str | None = None
    """What the transport met, in its own words: for the log, not for the client."""
    sent: bool = False
    duration_s: float = 0.0
    first_byte_s: float | None = None
    calls: int = 1
    """Made at once, for n choices at a provider that gives one a call."""
    role: str = "primary"
    """primary | retry (of a target tried before) | fallback (to another one) | hedge (beside a slow one) | hedge_loser (of two at the same
    time the one that was given up) | continuation (of a stream that another target began)."""
    failure: str | None = None
    """The class of what went wrong (`routing/failures.py`); None: nothing, or the request was given up first."""
    delay_s: float = 0.0
    """Waited before it: a back-off, or the provider's own wish."""
    entry: str | None = None
    """The `models` entry that it was reached by, where that is not the one that was asked for."""
    bill: Bill | None = None

    @property
    def unheard(self) -> bool:
        """It left, and what became of it nobody has heard: it goes on, was given up, or took too long. Its provider may bill it."""
        return self.sent and self.bill is None and (self.error is None or self.error == UpstreamTimeout.code)

    def as_dict(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "model": self.model,
            "role": self.role,
            "status": self.status,
            "error": self.error,
            "failure": self.failure,
            "sent": self.sent,
            "duration_ms": round(self.duration_s * 1e3, 3),
            **({} if self.delay_s == 0.0 else {"delay_ms": round(self.delay_s * 1e3, 3)}),
            **({} if self.entry is None else {"entry": self.entry}),
            **({} if self.calls == 1 else {"calls": self.calls}),
            **({} if self.cause is None else {"cause": self.cause}),
            **({} if self.bill is None else self.bill.as_dict()),
        }


def _allow(provider: str, model: str) -> Verdict:
    return ALLOWED


EVERYBODY: Permit = _allow
"""What `permit` is where nothing is forbidden: nobody need ask it then."""


class RequestContext:
    """Slots, not a dict: a misspelt field is an error and access is cheap. (A msgspec.Struct is made faster, but each assignment costs
    five times as much, and a request makes some forty.)"""

    route: RouteInfo
    started: float
    """Loop time in seconds."""
    raw_path: str
    """Below the mount point."""
    headers: dict[bytes, bytes]
    """Request headers, lower-case names, last value."""
    body_unread: bool
    """Refused before its body was read: the connection cannot be used again."""
    model: str | None
    """As the client asked."""
    error: str | None
    """Machine code of what went wrong."""
    cancelled: bool
    """The client left."""
    ending: bool
    """The gateway stops and its grace is over."""
    attempts: list[AttemptRecord]
    stopped: str | None
    """Why no further attempt was made after the last failure: `StopReason` of pipeline/attempts.py."""
    cost_nanos: int | None
    """What the request cost; 0 for hits and free providers, None: unknown, or nothing was called."""
    cost: Cost | None
    """The same by kind, with its doubts; None where nothing is billed."""
    upstream_s: float
    """Seconds spent waiting for upstreams."""
    send_body: Callable[[dict[str, Any]], Awaitable[None]] | None
    """The server's own `send`, for the pieces of a stream; whoever uses it adds to `bytes_out`."""
    server: ServerHook | None
    """Where our own server serves; whoever answers through it sets `status` and adds to `bytes_out`."""
    head: "Callable[[RequestContext], bytes] | None"
    """The lines for `server.answer`."""
    check_body: Callable[[bytes], Awaitable[None]] | None
    """Set by the auth wrapper where the credential is a signature over the body: the envelope asks it with the bytes as they came."""
    limits: Standing | None
    """None: nothing limits it, as far as it came."""
    max_tokens_cap: int | None
    """Output tokens of a choice that the caller's budgets still pay for, where that is less than may be asked for: it is what is sent."""
    quote: Any
    """What budgets know of its size, once they have looked."""
    replayed: bool
    """An answer kept under an Idempotency-Key, or one that another request makes."""
    taken_over: bool
    """The gateway that ran it first, under the same Idempotency-Key, died: it is done once more."""
    plans: Any
    """The usage plans of its principal, where they have been looked at just now."""
    headers_out: list[tuple[bytes, bytes]]
    """Added to the response by the trace wrapper."""
    settle: "list[Callable[[RequestContext], None]]"
    """Run once each, in reverse, when the request has ended, however it ended."""
    on_disconnect: Callable[[], None] | None
    """What to do instead of cancelling `task` when the client leaves."""

    __slots__ = (
        "attempts", "body", "body_bytes_in", "body_unread", "bytes_out", "cache_status", "cache_tier", "cancelled", "check_body",
        "client_ip", "cost", "cost_nanos", "deadline", "dropped", "ending", "error", "error_source", "first_token_s", "head", "headers",
        "headers_out", "json", "limits", "max_tokens_cap",
        "model", "on_disconnect", "permit", "plan_permits", "plans", "principal", "provider", "provider_request_id", "query", "quote",
        "raw_path", "replayed",
        "request_id", "route",
        "send_body", "served_model", "server", "settle", "started", "status", "stopped", "stream", "taken_over",
        "task", "top_up", "trace_id",
        "unix_started", "upstream_s", "usage",
    )  # fmt: skip

    def __init__(
        self,
        route: RouteInfo,
        trace_id: str,
        started: float,
        headers: dict[bytes, bytes] | None = None,
        query: bytes = b"",
        raw_path: str = "",
        unix_started: float = 0.0,
    ) -> None:
        self.route = route
        self.trace_id = self.request_id = trace_id
        self.started = started
        self.headers = {} if headers is None else headers
        self.query = query
        self.raw_path = raw_path
        self.unix_started = unix_started
        self.body = b""
        self.client_ip = ""
        self.body_bytes_in = self.bytes_out = self.status = 0
        self.upstream_s = 0.0
        self.body_unread = self.stream = self.cancelled = self.ending = self.replayed = self.taken_over = False
        self.json: Any = None
        self.principal: Principal | None = None
        self.model = self.error = self.stopped = None
        self.served_model: str | None = None
        self.provider: str | None = None
        self.provider_request_id: str | None = None
        self.error_source: str | None = None
        self.cache_status: str | None = None
        self.cache_tier: str | None = None
        self.usage: Usage | None = None
        self.cost: Cost | None = None
        self.cost_nanos: int | None = None
        self.first_token_s: float | None = None
        self.deadline: float | None = None
        self.attempts = []
        self.dropped: list[str] = []
        self.headers_out = []
        self.settle = []
        self.permit: Permit = EVERYBODY
        self.plan_permits: Callable[[str | None, str, str], bool] | None = None
        """As `may_use`, of usage plans; None: they permit everything."""
        self.top_up: TopUp = EVERYBODY
        self.limits = None
        self.max_tokens_cap = self.quote = self.plans = None
        self.send_body = self.server = self.head = self.on_disconnect = self.check_body = None
        self.task: asyncio.Task[Any] | None = None

    def may_use(self, name: str | None, provider: str, model: str) -> bool:
        """The target, reached by an entry's name: by its key and by all plans."""
        if self.principal is not None and not self.principal.may_use(name, provider, model):
            return False
        return self.plan_permits is None or self.plan_permits(name, provider, model)

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
