"""Requests with an `Idempotency-Key`: the first one runs, its duplicates get its answer, and spend nothing.

    this process makes the answer now   read along, from its beginning
    another one does                    wait for it, then replay what it stored; after `wait_s` 409
    it is stored                        replay it
    who made it is dead                 after its lease one of those that wait runs it once more
    the store does not answer           503

The first request runs to its end though its client leaves, at most `total_s`.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable
from functools import partial
from time import monotonic
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import EdgeError, IdempotencyBusy, IdempotencyMismatch, StreamTruncated
from proxy.governance.admission import Ledger, Limiter
from proxy.governance.idempotency.fingerprint import HEADER, checked, fingerprint
from proxy.governance.idempotency.live import LeadersError, Live, Repeats, Rules
from proxy.governance.idempotency.recording import NOT_STORED, Recording
from proxy.storage.hot.idempotency import Answer, Claim, Name

POLL_S = (0.05, 0.25)
"""Between questions after another process's answer: at first, and at most."""
PATIENCE = b"x-stainless-read-timeout"
"""How long an SDK waits for an answer, which is the deadline of a call without a key."""
REPLAYED = (b"idempotency-replayed", b"true")

_log = logging.getLogger("llm_edge")


class IdempotencyMiddleware:
    def __init__(
        self, app: ASGIApp, *, repeats: Repeats, rules: Rules, ledger: Ledger | None = None, limiter: Limiter | None = None
    ) -> None:
        self.app = app
        self._limiter = limiter
        self._lives = repeats.lives
        self._store = repeats.store
        self._tasks = repeats.tasks
        self._count = repeats.meter.idempotent
        self._rules = rules
        self._ledger = ledger

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            ctx: RequestContext = scope[SCOPE_KEY]
            key = ctx.headers.get(HEADER)
            if key is not None and ctx.route.dialect is not None:
                return self._once(checked(key), scope, receive, send)
        return self.app(scope, receive, send)

    async def _once(self, key: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        ctx: RequestContext = scope[SCOPE_KEY]
        name = Name(ctx.principal.tenant if ctx.principal is not None else "", key)
        asked, until = fingerprint(ctx), monotonic() + self._rules.wait_s
        while (live := self._lives.get(name)) is not None:
            if live.fingerprint != asked:
                raise self._mismatch()
            if live.closed and not live.ended:
                raise self._busy()  # too large to be joined, and it will not be stored: there is nothing to wait for
            if await self._follow(ctx, live, send, until):
                return
            if live.ended and self._lives.get(name) is live:
                del self._lives[name]  # its last words are still on their way to its own client
        live = self._lives[name] = Live(asked, self._rules.max_bytes)
        try:
            answer = await self._first(ctx, name, live, scope, receive, send, until)
        finally:
            if self._lives.get(name) is live:
                del self._lives[name]
            live.end()
        if answer is not None:
            await self._replay(ctx, answer, send)

    async def _first(
        self, ctx: RequestContext, name: Name, live: Live, scope: Scope, receive: Receive, send: Send, until: float
    ) -> Answer | None:
        """Of this process: an answer that is stored, or None after it was made."""
        token = uuid4().hex
        claim = await self._claim(name, live.fingerprint, token, until)
        if claim.answer is not None:
            self._count("replayed")
            live.begin(claim.answer)
            live.add(claim.answer.body)
            live.end(complete=True)
            return claim.answer
        ctx.taken_over = claim.state == "taken"
        self._count("taken_over" if ctx.taken_over else "first")
        await self._lead(ctx, name, token, live, scope, receive, send)
        return None

    async def _claim(self, name: Name, asked: bytes, token: str, until: float) -> Claim:
        """`lead`, `taken` or `kept`. Raises IdempotencyMismatch, IdempotencyBusy, Unavailable."""
        rules, pause = self._rules, POLL_S[0]
        while True:
            try:
                claim = await self._store.claim(name, asked, token, lease_s=rules.lease_s, ttl_s=rules.ttl_s)
            except (EdgeError, asyncio.CancelledError):
                self._give_back(name, token)  # it may have run
                raise
            if claim.state == "mismatch":
                raise self._mismatch()
            if claim.state != "busy":
                return claim
            left = until - monotonic()
            if left <= 0:
                raise self._busy()
            await asyncio.sleep(min(pause, left, max(claim.left_s, 0.001)))
            pause = min(pause * 1.5, POLL_S[1])

    async def _lead(self, ctx: RequestContext, name: Name, token: str, live: Live, scope: Scope, receive: Receive, send: Send) -> None:
        recording = Recording(ctx, live, send, partial(self._keep, name, token), self._tasks)
        staying = _Staying(ctx, receive, self._rules.total_s)
        ctx.send_body = recording.send_body
        ctx.plans = None  # those of some time ago
        ctx.headers.pop(PATIENCE, None)  # an SDK that gives up asks again, and finds the call under way
        renewing = self._tasks.start(self._renew(name, token), name="idempotency-lease", endless=True)
        try:
            await self.app(scope, staying.receive, recording.send)
            await recording.delivered()
        except EdgeError as exc:
            live.end(error=exc)
            await recording.delivered()
            raise
        finally:
            recording.stop()
            staying.end()
            renewing.cancel()
            if not recording.kept:
                self._give_back(name, token)

    async def _keep(self, name: Name, token: str, answer: Answer) -> bool:
        try:
            kept = await self._store.finish(name, token, answer, ttl_s=self._rules.ttl_s)
        except EdgeError as exc:
            _log.warning("an answer was not stored under its Idempotency-Key", extra={"error": exc.message})
            return False
        return kept

    async def _renew(self, name: Name, token: str) -> None:
        """While the request runs. A store that does not answer is asked again: the lease outlives two questions."""
        while True:
            await asyncio.sleep(self._rules.lease_s / 3)
            try:
                await self._store.renew(name, token, lease_s=self._rules.lease_s)
            except EdgeError as exc:
                _log.warning("the lease of an Idempotency-Key was not renewed", extra={"error": exc.message})

    def _give_back(self, name: Name, token: str) -> None:
        self._tasks.start(self._release(name, token), name="idempotency-release")

    async def _release(self, name: Name, token: str) -> None:
        try:
            await self._store.release(name, token)
        except EdgeError as exc:
            _log.warning("an Idempotency-Key stays taken until its lease ends", extra={"error": exc.message})

    async def _follow(self, ctx: RequestContext, live: Live, send: Send, until: float) -> bool:
        """Read along. False: there is nothing to be read any more, and nothing was shown."""
        reader = live.join()
        try:
            if not await live.begun(until):
                return False
            head = live.head
            if head is None:
                return False
            await self._note(ctx, head)
            self._count("joined")
            if not live.stored:
                ctx.headers_out.append(NOT_STORED)
            await send({"type": "http.response.start", "status": head.status, "headers": list(head.headers)})
            while pieces := await reader.next():
                await send({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
            if not live.complete:
                raise StreamTruncated("the request that this one repeats broke off")
            await send({"type": "http.response.body", "body": b""})
            return True
        except TimeoutError:
            raise self._busy() from None
        except LeadersError:
            self._count("joined")
            ctx.headers_out.append(REPLAYED)
            raise
        finally:
            reader.leave()

    async def _replay(self, ctx: RequestContext, answer: Answer, send: Send) -> None:
        await self._note(ctx, answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _note(self, ctx: RequestContext, answer: Answer) -> None:
        """Whose answer it is, and that it cost nothing. Raises Forbidden where this caller may not use what gave it."""
        ctx.model = answer.asked
        refused = ctx.permit(answer.provider, answer.model).error
        if refused is not None:
            raise refused
        ctx.replayed, ctx.stream, ctx.cost_nanos = True, answer.stream, 0
        ctx.provider, ctx.served_model, ctx.dropped = answer.provider or None, answer.model or None, list(answer.dropped)
        ctx.headers_out.append(REPLAYED)
        if self._ledger is not None:
            ctx.settle.append(self._ledger.ended)
        if self._limiter is not None and ctx.principal is not None:
            showing = self._limiter.show(ctx)
            if showing is not None:
                await showing

    def _mismatch(self) -> IdempotencyMismatch:
        self._count("mismatch")
        return IdempotencyMismatch("this Idempotency-Key was used for another request: take a new one", param="idempotency-key")

    def _busy(self) -> IdempotencyBusy:
        self._count("in_progress")
        return IdempotencyBusy("the first request with this Idempotency-Key is still under way: ask again", retry_after_s=1.0)


class _Staying:
    """The request goes on though its client leaves, until `total_s` after its beginning."""

    def __init__(self, ctx: RequestContext, receive: Receive, total_s: float) -> None:
        self._ctx = ctx
        self._receive = receive
        self._total_s = total_s
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        if ctx.server is not None:
            ctx.server.set_callback(self.left)
        ctx.server = None  # everything goes by messages

    async def receive(self) -> Message:
        """Without the news that the client has left."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.left()
            await asyncio.get_running_loop().create_future()
        return message

    def left(self) -> None:
        if self._timer is None and not self._ended:
            ends = min(self._ctx.deadline or math.inf, self._ctx.started + self._total_s)
            self._timer = asyncio.get_running_loop().call_later(max(0.0, ends - monotonic()), self._ctx.client_left)

    def end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
