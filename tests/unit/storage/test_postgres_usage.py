"""The ledger in Postgres; what every ledger keeps is in tests/contract/records."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from proxy.storage.postgres_schema import upgrade_postgres
from proxy.storage.postgres_usage import PostgresUsage
from proxy.storage.usage import UsageRecord
from tests.support.postgres import Postgres

AT = 1_795_651_200.0
RECORD = UsageRecord(id="r1", at=AT, tenant="acme", key_id="k", asked="m", cost_nanos=5)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        running.sql("CREATE DATABASE upgraded")
        asyncio.run(upgrade_postgres(running.url("upgraded")))
        yield running


@pytest.fixture
async def ledger(server: Postgres) -> AsyncIterator[PostgresUsage]:
    opened = PostgresUsage(server.database("upgraded", timeout_ms=20_000))
    yield opened
    await opened.aclose()


async def test_a_nul_is_no_reason_to_lose_a_record(ledger: PostgresUsage) -> None:
    """Nor to hold up those behind it: columns have U+FFFD, the record is as it was."""
    odd = msgspec.structs.replace(RECORD, asked="a\0b", tags=("x\0",), error="\0")
    assert await ledger.add([odd, msgspec.structs.replace(RECORD, id="r2")]) == 2
    assert await ledger.get("r1") == odd
    assert [found.group for found in await ledger.sums(("model",), since=AT, until=AT + 1)] == [("a\ufffdb",), ("m",)]


async def test_absurd_counts_are_bounded(ledger: PostgresUsage) -> None:
    """What an upstream says of itself need not fit."""
    assert await ledger.add([msgspec.structs.replace(RECORD, output_tokens=2**63)]) == 1
    (found,) = await ledger.sums((), since=AT, until=AT + 1)
    assert found.output_tokens == 2**63 - 1


async def test_two_gateways_deliver_the_same_records(ledger: PostgresUsage) -> None:
    """At the same time, in any order: each counts once."""
    records = [msgspec.structs.replace(RECORD, id=f"r{n}") for n in range(200)]
    counts = await asyncio.gather(*(ledger.add(records if n % 2 else records[::-1]) for n in range(4)), return_exceptions=True)
    assert sum(count for count in counts if isinstance(count, int)) == 200
    (found,) = await ledger.sums((), since=AT, until=AT + 1)
    assert (found.requests, found.cost_nanos) == (200, 1000)
    assert all(isinstance(count, int) for count in counts), counts


async def test_reports_may_take_longer_than_other_calls(server: Postgres) -> None:
    """They have a time-out of their own."""
    ledger = PostgresUsage(server.database("upgraded", timeout_ms=300))
    assert await ledger._report("SELECT 1 FROM pg_sleep(0.6)") == [(1,)]
    assert await ledger._rows("SHOW statement_timeout") == [("300ms",)]
    await ledger.aclose()
