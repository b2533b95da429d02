"""Connections to Postgres; what every store keeps is in tests/contract/records, its outages in test_lost_stores there."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.postgres_keys import PostgresRecords
from proxy.storage.postgres_plans import PostgresPlans
from proxy.storage.postgres_schema import upgrade_postgres
from proxy.storage.records import KeyRecord
from proxy.storage.shared import SchemaOutdated
from tests.support.pooler import Pooler
from tests.support.postgres import Postgres

KEY = KeyRecord(key_id="lek_a", tenant="t", key_hash="0" * 64, created_at=1.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        running.sql("CREATE DATABASE upgraded")
        asyncio.run(upgrade_postgres(running.url("upgraded")))
        yield running


@pytest.fixture
async def records(server: Postgres) -> AsyncIterator[PostgresRecords]:
    opened = PostgresRecords(server.database("upgraded", timeout_ms=1000, connections=2))
    yield opened
    await opened.aclose()


def backends(server: Postgres, url: str) -> int:
    name = url.rpartition("/")[2].partition("?")[0]
    ((count,),) = server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    assert isinstance(count, int)
    return count


async def test_stores_of_one_url_share_their_connections(server: Postgres) -> None:
    """The last that closes closes them."""
    url = server.database("upgraded")
    keys = PostgresRecords(url)
    plans = PostgresPlans(url, beside=keys)
    await keys.ping()
    await plans.list()
    assert backends(server, url) == 1
    await keys.aclose()
    assert await plans.list() == []
    await plans.aclose()
    with pytest.raises(Unavailable, match="closed"):
        await plans.list()


async def test_no_more_connections_than_allowed(server: Postgres) -> None:
    """The others wait for their turn."""
    url = server.database("upgraded", connections=2)
    records = PostgresRecords(url)
    await asyncio.gather(*(records._rows("SELECT pg_sleep(0.05)") for _ in range(8)))
    assert backends(server, url) <= 2
    await records.aclose()


async def test_waiting_for_a_connection_ends_too(records: PostgresRecords) -> None:
    """And says what it waited for."""
    for _ in range(2):
        await records._pool._slots.acquire()
    with pytest.raises(Unavailable, match="all 2 connections are busy"):
        await records.get("lek_a")
    records._pool._slots.release()
    assert await records.get("lek_a") is None


async def test_a_slow_query_ends_in_time(records: PostgresRecords) -> None:
    """By the server's own clock or by ours."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await records._rows("SELECT pg_sleep(10)")
    assert time.monotonic() - began < 2.5


async def test_a_connection_cut_mid_query_is_unavailable(server: Postgres, records: PostgresRecords) -> None:
    """The next call has another."""
    await records.create(KEY)
    task = asyncio.ensure_future(records._rows("SELECT pg_sleep(0.9)"))
    await asyncio.sleep(0.1)
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.9)%' AND pid <> pg_backend_pid()")
    with pytest.raises(Unavailable, match="not available"):
        await task
    assert await records.get("lek_a") == KEY


async def test_an_idle_connection_that_was_ended_is_not_used(server: Postgres, records: PostgresRecords) -> None:
    """No call fails for it."""
    await records.create(KEY)
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()")
    await asyncio.sleep(0.1)
    assert await records.get("lek_a") == KEY


async def test_a_standby_can_answer_and_not_be_written(server: Postgres) -> None:
    """`ping` tells; writing says so, too."""
    url = server.database("upgraded")
    server.sql(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    records = PostgresRecords(url)
    with pytest.raises(Unavailable, match="read-only"):
        await records.ping()
    with pytest.raises(Unavailable, match="read-only"):
        await records.create(KEY)
    assert await records.get("lek_a") is None
    await records.aclose()


async def test_a_wrong_address_says_why() -> None:
    """At once, and the next calls do not even try for a moment."""
    records = PostgresRecords("postgresql://127.0.0.1:1/x")
    for _ in range(2):
        with pytest.raises(Unavailable, match="refused"):
            await records.get("lek_a")
    await records.aclose()


async def test_a_database_that_is_not_there_says_so(server: Postgres) -> None:
    """The server's own words, in one line."""
    records = PostgresRecords(server.url("nowhere"))
    with pytest.raises(Unavailable, match='database "nowhere" does not exist'):
        await records.get("lek_a")
    await records.aclose()


async def test_a_nul_cannot_be_stored(records: PostgresRecords) -> None:
    """400."""
    with pytest.raises(BadRequest, match="can't hold this"):
        await records.create(KeyRecord(key_id="a\0b", tenant="t", key_hash="h", created_at=1.0))


async def test_no_schema_says_what_to_run(server: Postgres) -> None:
    """And once it is there, the same store works."""
    url = server.database()
    records = PostgresRecords(url)
    with pytest.raises(SchemaOutdated, match=r"no schema.*llm-edge db upgrade"):
        await records.ping()
    await upgrade_postgres(url)
    await records.ping()
    await records.aclose()


async def test_a_column_that_is_missing_says_what_to_run(server: Postgres) -> None:
    """Somebody restored an old dump."""
    url = server.database("upgraded")
    server.sql("ALTER TABLE keys DROP COLUMN more", url.rpartition("/")[2])
    records = PostgresRecords(url)
    with pytest.raises(SchemaOutdated, match="db upgrade"):
        await records.get("lek_a")
    await records.aclose()


async def test_bulk_writes_of_two_replicas_do_not_deadlock(server: Postgres) -> None:
    """In opposite orders, many times."""
    url = server.database("upgraded", timeout_ms=20_000)
    one, two = PostgresRecords(url), PostgresRecords(url)
    for n in range(20):
        await one.create(KeyRecord(key_id=f"k{n:02}", tenant="t", key_hash=f"h{n}", created_at=1.0))
    ids = [f"k{n:02}" for n in range(20)]
    await asyncio.gather(
        *(one.touch({key: float(n) for key in ids}) for n in range(20)),
        *(two.touch({key: float(n) for key in reversed(ids)}) for n in range(20)),
    )
    found = await one.get("k00")
    assert found is not None
    assert found.last_used == 19.0
    await one.aclose()
    await two.aclose()


async def test_behind_a_pooler_nothing_is_prepared(server: Postgres) -> None:
    """Many clients on two connections of the pooler get their own rows: one prepared there would be the other's of the same name."""
    async with Pooler(server.port) as pooler:
        url = pooler.url(server.database("upgraded", timeout_ms=20_000, connections=2), server.port)
        pools = [PostgresRecords(url) for _ in range(3)]

        async def make(number: int) -> KeyRecord | None:
            store, key_id = pools[number % 3], f"lek_{number}"
            await store.create(KeyRecord(key_id=key_id, tenant="t", key_hash=f"{number:064}", created_at=1.0))
            return await store.get(key_id) if number % 2 else await store.by_hash(f"{number:064}")

        found = await asyncio.gather(*(make(number) for number in range(90)))
        assert [record.key_id if record else None for record in found] == [f"lek_{number}" for number in range(90)]
        assert await pools[0]._rows("SELECT count(*) FROM pg_prepared_statements") == [(0,)]
        for store in pools:
            await store.aclose()


async def test_behind_a_pooler_the_sessions_time_out_is_not_touched(server: Postgres) -> None:
    """It would be that of whoever comes next; an upgrade leaves none behind either. Slow statements end by our own clock."""
    async with Pooler(server.port, servers=1) as pooler:
        straight = server.database(timeout_ms=500)
        name = straight.rpartition("/")[2].partition("?")[0]
        server.sql(f"ALTER DATABASE {name} SET statement_timeout = '7s'")
        url = pooler.url(straight, server.port)
        await upgrade_postgres(url)
        records = PostgresRecords(url)
        assert await records._rows("SELECT current_setting('statement_timeout')") == [("7s",)]
        with pytest.raises(Unavailable, match="no answer in time"):
            await records._rows("SELECT pg_sleep(2)")
        await records.aclose()


async def test_at_the_server_itself_statements_are_prepared(records: PostgresRecords) -> None:
    """From the fifth time on, and the server knows when to give up."""
    for _ in range(12):
        await records.get("lek_a")
    ((count, limit),) = await records._rows("SELECT count(*), current_setting('statement_timeout') FROM pg_prepared_statements")
    assert count > 0
    assert limit == "1s"
