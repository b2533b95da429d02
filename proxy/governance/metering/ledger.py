"""Intents and usage records on their way to the ledger of the record store.

    before a call   its intent is in the spool (written, not synced)
    after the end   the record is in the spool, within the turn of the event loop in which the request ended
    then            delivered to the record store, in order, each id once (`bus/delivery`)

A gateway that dies leaves intents without records: whoever adopts its spool makes records of them, `status: unknown`, at the reserved
cost. Where records are kept in memory there is nothing to survive in, and no spool.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Protocol

import msgspec

from proxy.bus.delivery import Delivery
from proxy.bus.spool import Spool
from proxy.core.context import RequestContext
from proxy.core.errors import BadRequest, EdgeError, Unavailable
from proxy.core.tasks import TaskSupervisor
from proxy.governance.limits.estimates import model_of
from proxy.governance.metering.lines import Lines
from proxy.governance.metering.record import record_of, tags_of
from proxy.storage.usage import UsageRecord, UsageRecords, decode

_READ_A_TURN = 100
"""Records, until the event loop looks for what else there is to do (0.2 ms)."""
_log = logging.getLogger("llm_edge")


class Reserved(Protocol):
    """What has been reserved for a request, in nano-USD; None where no budget applies."""

    def __call__(self, ctx: RequestContext) -> int | None: ...


def nothing_reserved(ctx: RequestContext) -> int | None:
    return None


class UsageLedger:
    """The event loop's. `spool` None: straight to the record store."""

    def __init__(self, records: UsageRecords, spool: Spool | None, tasks: TaskSupervisor, *, reserved: Reserved = nothing_reserved) -> None:
        self.records = records
        self.spool = spool
        self.reserved = reserved
        self._tasks = tasks
        self._delivery = None if spool is None else Delivery(spool, self.deliver)
        self._adding: set[asyncio.Task[Any]] = set()
        self._ended: list[tuple[RequestContext, float, tuple[str, ...]]] = []
        self._lines = Lines()
        self.written = 0
        """Records since the start."""
        self.lost = 0
        """Records that could be written nowhere."""

    @property
    def waiting(self) -> bool:
        """The record store takes nothing just now."""
        return self._delivery is not None and self._delivery.waiting

    def intent(self, ctx: RequestContext, provider: str, model: str) -> None:
        if self.spool is not None:
            self.spool.begin(ctx.request_id, self._lines.intent(ctx, provider, model, self.reserved(ctx)))

    def ended(self, ctx: RequestContext) -> None:
        """Called before the last words of the request are said: its status and cancellation are read a turn later."""
        if ctx.model is None:
            ctx.model = model_of(ctx)  # refused before anybody looked; its body is gone when the record is made
        self._ended.append((ctx, monotonic(), tags_of(ctx)))
        if len(self._ended) == 1:
            asyncio.get_running_loop().call_soon(self.write)

    def write(self) -> None:
        """What has ended, to the spool."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        self.written += len(ended)
        if self.spool is not None:
            self.spool.end_all([(ctx.request_id, self._lines.record(ctx, at - ctx.started, tags)) for ctx, at, tags in ended])
            return
        records = [record_of(ctx, self._lines.owner(ctx.principal), at - ctx.started, tags) for ctx, at, tags in ended]
        task = self._tasks.start(self._add(records), name="usage-add")
        self._adding.add(task)
        task.add_done_callback(self._adding.discard)

    def start(self) -> None:
        """Deliver in the background, and what dead processes left behind."""
        if self._delivery is not None:
            self._delivery.start(self._tasks)

    async def flush(self) -> None:
        """What has ended is in the record store then, if that can be."""
        self.write()
        if self._delivery is not None:
            await self._delivery.flush()
        elif self._adding:
            await asyncio.wait(self._adding)

    async def catch_up(self) -> None:
        """`flush`, and the records of requests whose gateway died. Raises Unavailable where the record store does not take them: its sums
        are too small then."""
        self.write()
        if self._delivery is None:
            await self.flush()
        elif not await self._delivery.catch_up():
            raise Unavailable("the record store does not take usage records, so nobody can say what was spent", code="ledger_unavailable")

    async def close(self) -> int:
        """How many records could not be delivered; they stay in the spool."""
        await self.flush()
        return self.lost if self.spool is None else await asyncio.to_thread(self.spool.close)

    async def deliver(self, payloads: Sequence[bytes]) -> None:
        """Raises Unavailable. What no release of ours wrote, or the store cannot hold, is said and passed over."""
        records, bodies = [], []
        for number, payload in enumerate(payloads):
            if number % _READ_A_TURN == 0 and number:
                await asyncio.sleep(0)
            try:
                body = payload.decode()
                records.append(decode(payload))
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                _log.error("a usage record in the spool cannot be read", extra={"error": str(exc)[:200]})
            else:
                bodies.append(body)
        try:
            await self.records.add(records, bodies)
        except BadRequest:
            for record in records:
                await self._add_alone(record)

    async def _add_alone(self, record: UsageRecord) -> None:
        """The others must not wait for ever for one that the store cannot hold."""
        try:
            await self.records.add([record])
        except BadRequest as exc:
            self.lost += 1
            _log.error("usage record lost: the record store cannot hold it", extra={"request_id": record.id, "error": exc.message})

    async def _add(self, records: Sequence[UsageRecord]) -> None:
        try:
            await self.records.add(records)
        except EdgeError as exc:
            self.lost += len(records)
            _log.error("usage records lost: there is no spool to keep them", extra={"records": len(records), "error": exc.message})


def written(ledger: UsageLedger | None) -> Callable[[], Awaitable[None]]:
    """What a reader of the records calls first, to find what has just ended."""
    return _nothing if ledger is None else ledger.flush


async def _nothing() -> None:
    return
