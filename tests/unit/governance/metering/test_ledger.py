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
from proxy.governance.metering.record import record_of, whose
from proxy.storage.sqlite_usage import SqliteUsage
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
        made.spool.end("torn", b'{"id":"\xff","at":1.0}')
        made.spool.end("more", b'{"id":"more","at":1.0,"of a later release":"\xff"}')
        made.ended(context())
        await made.flush()
        assert await records.get(context().request_id) is not None
        assert await made.close() == 0
    assert caplog.text.count("a usage record in the spool cannot be read") == 3


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_spool_of_the_release_before_is_delivered(tmp_path: Path, store: str) -> None:
    """Its lines have a record's members in the order of the struct: intents, and records with what a later one writes by a template."""
    dead = Spool(tmp_path / "spool")
    old = [UsageRecord(id=f"r{n}", at=5.0 + n, tenant="t", costs={"input": 3}, cost_nanos=3, latency_ms=0.1) for n in range(203)]
    dead.begin("r0", encode(old[0]))
    dead.end_all([(record.id, encode(record)) for record in old])
    intent = UsageRecord(id="i", at=4.0, status="unknown", http_status=0, cost_nanos=9, costs={"other": 9}, error="gateway_died")
    dead.begin("i", encode(intent))
    os.close(dead._lock)  # type: ignore[arg-type]
    tasks, records = TaskSupervisor(), MemoryUsage() if store == "memory" else SqliteUsage(tmp_path / "r.db")
    made = UsageLedger(records, Spool(tmp_path / "spool"), tasks)
    await made.catch_up()
    assert await records.list(since=0, until=1000) == [intent, *old]
    assert await made.close() == 0
    await records.aclose()
    await tasks.close()


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_record_is_what_it_was_when_it_ended(tmp_path: Path, store: str) -> None:
    """Through a template, the spool, the delivery and the store's columns."""
    tasks, records = TaskSupervisor(), MemoryUsage() if store == "memory" else SqliteUsage(tmp_path / "r.db")
    made = UsageLedger(records, Spool(tmp_path / "spool"), tasks)
    contexts = [context(request_id=f"{n:04}", trace_id="t", unix_started=n / 7, status=200 if n % 3 else 502) for n in range(250)]
    for ctx in contexts:
        made.ended(ctx)
    await made.flush()
    found = await records.list(since=0, until=1000)
    latencies = {record.id: record.latency_ms for record in found}
    expected = [record_of(ctx, whose(PRINCIPAL), latencies[ctx.request_id] / 1e3) for ctx in contexts]
    assert found == expected
    assert [(row.group, row.errors) for row in await records.sums(("key",), since=0, until=1000)] == [(("k",), 84)]
    assert await made.close() == 0
    await records.aclose()
    await tasks.close()


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
