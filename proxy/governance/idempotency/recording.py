"""The first request's way to its client: everything that it sends is kept, and shown to those that read along.

A whole answer is stored before it is sent, a stream before its last piece: who has seen the end can rely on it. Of a stream its own client
is one of those that read along: one that is slow holds up nobody but itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Send

from proxy.core.context import RequestContext
from proxy.core.errors import StreamTruncated
from proxy.core.tasks import TaskSupervisor
from proxy.governance.idempotency.live import Live, Reader
from proxy.storage.hot.idempotency import Answer

Keep = Callable[[Answer], Awaitable[bool]]
Forward = Callable[[dict[str, Any]], Awaitable[None]]
"""A `send` that is given whole messages."""
NOT_STORED = (b"idempotency-stored", b"false")


class Recording:
    """`send` and `send_body` stand in for the request's own. `keep` stores an answer and says whether it did."""

    def __init__(self, ctx: RequestContext, live: Live, send: Send, keep: Keep, tasks: TaskSupervisor) -> None:
        self._ctx = ctx
        self._live = live
        self._traced = send
        self._direct: Forward = ctx.send_body or send
        self._keep = keep
        self._tasks = tasks
        self._held: Message | None = None
        """The head of a whole answer, which goes out with its body."""
        self._parts: list[bytes] = []
        self._own: asyncio.Task[None] | None = None
        """Takes a stream to its own client."""
        self._cut: StreamTruncated | None = None
        self.kept = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            self._head = self._answer(message, stream=b"content-length" not in names)
            if not self._head.stream:
                self._held = message
                return
            self._live.begin(self._head)
            self._own = self._tasks.start(self._deliver(message, self._live.join()), name="idempotency-client")
        elif self._held is None:
            self._ctx.bytes_out += len(message.get("body", b""))
            await self._piece(message)
        else:
            await self._part(message, self._held, self._traced)

    async def send_body(self, message: Message) -> None:
        if self._held is None:
            await self._piece(message)
        else:
            await self._part(message, self._held, self._direct)

    async def delivered(self) -> None:
        """Its own client has what there is. Raises StreamTruncated where it was too slow for that."""
        self._live.end()
        if self._own is not None:
            await asyncio.wait((self._own,))
        if self._cut is not None:
            raise self._cut

    def stop(self) -> None:
        if self._own is not None:
            self._own.cancel()

    async def _piece(self, message: Message) -> None:
        """Of a stream."""
        live, body = self._live, message.get("body", b"")
        if message.get("more_body", False):
            live.add(body)
            await live.room()
            return
        if self._went_well():
            self.kept = live.fits(len(body)) and await self._keep(self._whole(body))
        live.add(body)
        live.end(complete=True)

    async def _part(self, message: Message, head: Message, send: Forward) -> None:
        """Of a whole answer."""
        live, body = self._live, message.get("body", b"")
        live.add(body)
        self._parts.append(body)
        if message.get("more_body", False):
            return
        if self._went_well():
            self.kept = live.fits() and await self._keep(self._whole())
            if not self.kept:
                self._ctx.headers_out.append(NOT_STORED)
        live.begin(self._head, stored=NOT_STORED not in self._ctx.headers_out)
        live.end(complete=True)
        with contextlib.suppress(OSError):  # who left misses it, no more
            await self._traced(dict(head))
            await send({**message, "body": b"".join(self._parts)})

    def _went_well(self) -> bool:
        return 200 <= self._head.status < 300 and self._ctx.error is None

    async def _deliver(self, head: Message, reader: Reader) -> None:
        try:
            await self._traced(dict(head))
            while pieces := await reader.next():
                await self._direct({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
            if self._live.complete:
                await self._direct({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # who left misses it, no more
        except StreamTruncated as exc:
            self._cut = exc
        finally:
            reader.leave()

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

    def _whole(self, last: bytes = b"") -> Answer:
        head = self._head
        return Answer(
            status=head.status,
            headers=head.headers,
            body=b"".join(self._live.pieces) + last,
            stream=head.stream,
            asked=head.asked,
            provider=head.provider,
            model=head.model,
            dropped=head.dropped,
        )
