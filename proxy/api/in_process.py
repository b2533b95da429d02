"""The gateway as its own client: requests that go through every wrapper without a socket.

Each carries a key that is made for it, known to this process alone, valid once, and never written anywhere. What the client sent to prove
who it is stays behind.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from time import monotonic

from starlette.types import ASGIApp, Message, Scope

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import Unauthenticated
from proxy.core.identity import Principal
from proxy.core.tasks import TaskSupervisor
from proxy.governance.auth import Keys
from proxy.pipeline.background import Answered, Background

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Kept of an answer; the rest goes by."""
_LEFT_BEHIND = frozenset(
    b"authorization x-api-key api-key x-goog-api-key content-length content-encoding transfer-encoding connection host traceparent "
    b"idempotency-key prefer x-llm-edge-debug".split()
)


class OneTimeKeys:
    """The keys of requests under way."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Principal] = {}

    def issue(self, principal: Principal) -> bytes:
        key = secrets.token_hex(32).encode()
        self._by_digest[sha256(key).digest()] = principal
        return key

    def find(self, digest: bytes) -> Principal | None:
        return self._by_digest.pop(digest, None)

    async def verify(self, key: str) -> Principal | None:
        return None

    def ended(self, digest: bytes) -> None:
        """Nobody asks twice."""
        return None

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        raise Unauthenticated("the gateway signs no requests to itself")


class InProcess:
    """`app` is bound once the application stands, and again by each reload."""

    def __init__(self, tasks: TaskSupervisor) -> None:
        self.keys = OneTimeKeys()
        self.app: ASGIApp | None = None
        self._tasks = tasks
        self.running: Counter[str] = Counter()
        """Requests under way, by what they are for."""

    def start(
        self,
        ctx: RequestContext,
        principal: Principal,
        body: bytes,
        *,
        path: str,
        headers: Mapping[bytes, bytes | None],
        of: str,
        at_most: int,
        done: Callable[[Answered], None] | None = None,
    ) -> bool:
        if self.app is None or self.running[of] >= at_most:
            return False
        own = {name: value for name, value in ctx.headers.items() if name not in _LEFT_BEHIND and name not in headers}
        given = {name: value for name, value in headers.items() if value is not None}
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "root_path": "",
            "query_string": b"&".join(p for p in ctx.query.split(b"&") if p.partition(b"=")[0] != b"key"),
            "headers": list({**own, **given, b"content-type": b"application/json", b"content-length": b"%d" % len(body)}.items()),
            "client": (ctx.client_ip, 0) if ctx.client_ip else None,
            "server": None,
        }
        self.running[of] += 1
        self._tasks.start(self._run(self.app, scope, principal, body, of, done), name=f"own-request:{principal.purpose}")
        return True

    async def _run(
        self, app: ASGIApp, scope: Scope, principal: Principal, body: bytes, of: str, done: Callable[[Answered], None] | None
    ) -> None:
        scope["headers"].append((b"authorization", b"Bearer " + self.keys.issue(principal)))
        taken = _Taken(body)
        began = monotonic()
        whole = False
        try:
            await app(scope, taken.receive, taken.send)
            whole = True
        finally:
            self.running[of] -= 1
            if not self.running[of]:
                del self.running[of]  # entries come and go with reloads
            ctx: RequestContext | None = scope.get(SCOPE_KEY)
            if done is not None:
                done(_answered(taken, ctx, monotonic() - began, whole=whole))


def _answered(taken: "_Taken", ctx: RequestContext | None, seconds: float, *, whole: bool) -> Answered:
    return Answered(
        status=taken.status,
        body=bytes(taken.body),
        provider=None if ctx is None else ctx.provider,
        model=None if ctx is None else ctx.served_model,
        usage=None if ctx is None else ctx.usage,
        cost_nanos=None if ctx is None else ctx.cost_nanos,
        seconds=seconds,
        first_token_s=None if ctx is None else ctx.first_token_s,
        error=(None if ctx is None else ctx.error) or (None if whole else "internal_error"),
    )


class _Taken:
    """The two ends of an ASGI request: a body to be read once, an answer that is kept."""

    def __init__(self, body: bytes) -> None:
        self._request: bytes | None = body
        self.status = 0
        self.body = bytearray()

    async def receive(self) -> Message:
        body, self._request = self._request, None
        if body is None:
            await _never()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif len(self.body) < MAX_ANSWER_BYTES:
            self.body += message.get("body", b"")


async def _never() -> None:
    """This client does not leave."""
    await asyncio.get_running_loop().create_future()


_: type[Background] = InProcess
__: type[Keys] = OneTimeKeys
