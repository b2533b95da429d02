"""Intents before, records after; through the spool where there is one."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from proxy.bus.spool import Spool
from proxy.core.errors import BadRequest, Unavailable
from proxy.core.tasks import TaskSupervisor
from proxy.governance.metering.ledger import UsageLedger
from proxy.storage.usage import UsageRecord, encode
from proxy.storage.usage_memory import MemoryUsage
from tests.support.eventually import eventually
from tests.unit.governance.metering.test_record import PRINCIPAL, context


@asynccontextmanager
async def ledger(folder: Path | None) -> AsyncIterator[tuple[UsageLedger, MemoryUsage]]:
    tasks, records = TaskSupervisor(), MemoryUsage()
    try:
        yield UsageLedger(records, None if folder is None else Spool(folder), tasks, reserved=lambda ctx: 77), records
    finally:
        await tasks.close()


@pytest.mark.parametrize("spooled", [False, True])
async def test_a_record_arrives(tmp_path: Path, spooled: bool) -> None:
    """What is decided after the end was told is in it."""
    async with ledger(tmp_path if spooled else None) as (made, records):
        ctx = context()
        made.intent(ctx, "p", "m")
        made.ended(ctx)
        ctx.status, ctx.error = 499, "client_closed_request"
        ctx.cancelled = True
        made.start()
        await made.flush()
        record = await records.get(ctx.request_id)
        assert record is not None
        assert (record.status, record.http_status) == ("cancelled", 499)
        assert made.written == 1
        assert await made.close() == 0
    assert os.listdir(tmp_path) == []


async def test_the_end_of_a_turn_writes(tmp_path: Path) -> None:
    """Nobody has to ask."""
    async with ledger(tmp_path) as (made, _):
        made.ended(context())
        made.ended(context())
        await eventually(lambda: made.written == 2)
        await made.close()


async def test_a_store_that_is_down(tmp_path: Path) -> None:
    """With a spool the records wait; without one they are lost, and counted."""
    async with ledger(tmp_path) as (made, records):
        records.fail(True)
        made.ended(context())
        await made.flush()
        assert made.waiting
        assert await made.close() == 1
    async with ledger(None) as (made, records):
        records.fail(True)
        made.ended(context())
        await made.flush()
        assert not made.waiting
        assert await made.close() == 1


async def test_the_dead_leave_unknown_records(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At what was reserved."""
    async with ledger(tmp_path) as (dead, _):
        dead.intent(context(), "p", "m")
        assert dead.spool is not None
        dead.spool.begin("odd", b"not an intent")
        lock, dead.spool._lock = dead.spool._lock, None
        assert lock is not None
        os.close(lock)
    async with ledger(tmp_path) as (made, records):
        made.start()
        found = None
        await eventually(lambda: len(list(tmp_path.iterdir())) == 1)
        found = await records.get(context().request_id)
        assert found is not None
        assert (found.status, found.cost_nanos) == ("unknown", 77)
        await made.close()
    assert "a usage record in the spool cannot be read" in caplog.text


async def test_what_cannot_be_read_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and passed over."""
    async with ledger(tmp_path) as (made, records):
        assert made.spool is not None
        made.spool.end("odd", b"no record")
        made.ended(context())
        await made.flush()
        assert await records.get(context().request_id) is not None
        await made.close()
    assert "a usage record in the spool cannot be read" in caplog.text


async def test_many_principals(tmp_path: Path) -> None:
    """What is kept of them does not grow without end."""
    async with ledger(None) as (made, records):
        for n in range(1100):
            made.ended(context(request_id=str(n), principal=msgspec.structs.replace(PRINCIPAL, key_id=str(n))))
        ctx = context(principal=None)
        made.ended(ctx)
        await made.flush()
        assert len(made._lines._owners) <= 1024
        assert len(await records.sums(("key",), since=0, until=10)) == 1101
        await made.close()


@pytest.mark.parametrize("spooled", [True, False])
async def test_catching_up_says_what_it_could_not_bring(tmp_path: Path, spooled: bool) -> None:
    """Nobody may take the sums of such a store for all that was spent."""
    async with ledger(tmp_path if spooled else None) as (writer, records):
        await writer.catch_up()
        if spooled:
            records.fail(True)
            writer.ended(context())
            with pytest.raises(Unavailable, match="nobody can say"):
                await writer.catch_up()
            records.fail(False)


class Narrow(MemoryUsage):
    """Cannot hold records of one agent."""

    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        if any(record.agent == "odd" for record in records):
            raise BadRequest("the record store can't hold this")
        return await super().add(records, bodies)


async def test_a_record_that_the_store_cannot_hold_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is said; the others of its batch are stored."""
    tasks, records = TaskSupervisor(), Narrow()
    ledger = UsageLedger(records, None, tasks)
    batch = [UsageRecord(id="r1", at=1.0), UsageRecord(id="r2", at=1.0, agent="odd"), UsageRecord(id="r3", at=1.0)]
    await ledger.deliver([encode(record) for record in batch])
    assert [record.id for record in await records.list(since=0, until=2)] == ["r1", "r3"]
    assert [entry.message for entry in caplog.records] == ["usage record lost: the record store cannot hold it"]
    assert ledger.lost == 1
    await tasks.close()
