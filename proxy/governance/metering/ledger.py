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
from proxy.core.identity import Principal
from proxy.core.tasks import TaskSupervisor
from proxy.governance.limits.estimates import model_of
from proxy.governance.metering.intents import Intents
from proxy.governance.metering.record import record_of, tags_of, whose
from proxy.storage.usage import UsageRecord, UsageRecords, decode, encode

_REMEMBERED = 1024
"""Principals whose fields are kept ready."""
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
        self._owners: dict[int, tuple[Principal, UsageRecord]] = {}
        """By identity: keys are looked up once for many requests, and a hash of all of a principal costs more than the rest of this."""
        self._intents = Intents(self._owner)
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
            self.spool.begin(ctx.request_id, self._intents.encoded(ctx, provider, model, self.reserved(ctx)))

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
        records = [record_of(ctx, self._owner(ctx.principal), at - ctx.started, tags) for ctx, at, tags in ended]
        self.written += len(records)
        if not records:
            return
        if self.spool is not None:
            self.spool.end_all([(record.id, encode(record)) for record in records], records)
            return
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

    async def deliver(self, payloads: Sequence[bytes], made_of: Sequence[UsageRecord | None]) -> None:
        """Raises Unavailable. What no release of ours wrote, or the store cannot hold, is said and passed over."""
        records, bodies = [], []
        for payload, record in zip(payloads, made_of, strict=True):
            if record is None:
                try:
                    record = decode(payload)
                except msgspec.DecodeError as exc:
                    _log.error("a usage record in the spool cannot be read", extra={"error": str(exc)[:200]})
                    continue
                payload = encode(record)  # it may be older than this release, or not of its making
            records.append(record)
            bodies.append(payload)
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

    def _owner(self, principal: Principal | None) -> UsageRecord:
        if principal is None:
            return whose(None)
        known = self._owners.get(id(principal))
        if known is None or known[0] is not principal:
            if len(self._owners) >= _REMEMBERED:
                self._owners.clear()
            known = self._owners[id(principal)] = (principal, whose(principal))
        return known[1]


def written(ledger: UsageLedger | None) -> Callable[[], Awaitable[None]]:
    """What a reader of the records calls first, to find what has just ended."""
    return _nothing if ledger is None else ledger.flush


async def _nothing() -> None:
    return
