"""The first request's way to its client: everything that it sends is kept, and shown to those that read along.

A whole answer is stored before it is sent, a stream before its last piece: who has seen the end can rely on it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Send

from proxy.core.context import RequestContext
from proxy.governance.idempotency.live import Live
from proxy.storage.hot.idempotency import Answer

Keep = Callable[[Answer], Awaitable[bool]]
Forward = Callable[[dict[str, Any]], Awaitable[None]]
"""A `send` that is given whole messages."""
NOT_STORED = (b"idempotency-stored", b"false")


class Recording:
    """`send` and `send_body` stand in for the request's own. `keep` stores an answer and says whether it did."""

    def __init__(self, ctx: RequestContext, live: Live, send: Send, keep: Keep) -> None:
        self._ctx = ctx
        self._live = live
        self._traced = send
        self._direct: Forward = ctx.send_body or send
        self._keep = keep
        self._held: Message | None = None
        """The head of a whole answer, which goes out with its body."""
        self._parts: list[bytes] = []
        self._gone = False
        self.kept = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            self._head = self._answer(message, stream=b"content-length" not in names)
            if not self._head.stream:
                self._held = message
                return
            self._live.begin(self._head)
            await self._forward(self._traced, message)
        else:
            await self._piece(message, self._traced)

    async def send_body(self, message: Message) -> None:
        await self._piece(message, self._direct)

    async def _piece(self, message: Message, send: Forward) -> None:
        live, last = self._live, not message.get("more_body", False)
        live.add(message.get("body", b""))
        if self._held is not None:
            self._parts.append(message.get("body", b""))
        if last and 200 <= self._head.status < 300 and self._ctx.error is None:
            self.kept = live.fits and not live.overflow and await self._keep(self._whole())
            if not self.kept and self._held is not None:
                self._ctx.headers_out.append(NOT_STORED)
        if self._held is not None and last:
            live.begin(self._head, stored=NOT_STORED not in self._ctx.headers_out)
            live.end(complete=True)
            await self._forward(self._traced, self._held)
            await self._forward(send, {**message, "body": b"".join(self._parts)})
        elif self._held is None:
            if last:
                live.end(complete=True)
            await self._forward(send, message)

    async def _forward(self, send: Forward, message: Message) -> None:
        """Who left misses it, no more."""
        if self._gone:
            return
        try:
            await send(dict(message))
        except OSError:
            self._gone = True

    def _answer(self, message: Message, *, stream: bool) -> Answer:
        ctx = self._ctx
        return Answer(
            status=message["status"],
            headers=tuple((bytes(name), bytes(value)) for name, value in message["headers"]),
            body=b"",
            stream=stream,
            asked=ctx.model or "",
            provider=ctx.provider or "",
            model=ctx.served_model or "",
            dropped=tuple(ctx.dropped),
        )

    def _whole(self) -> Answer:
        head = self._head
        return Answer(
            status=head.status,
            headers=head.headers,
            body=b"".join(self._live.pieces),
            stream=head.stream,
            asked=head.asked,
            provider=head.provider,
            model=head.model,
            dropped=head.dropped,
        )
