"""Schema steps of Postgres."""

import asyncio
from collections.abc import Iterator

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.migrations import postgres_migrations
from proxy.storage.postgres_keys import PostgresRecords
from proxy.storage.postgres_schema import upgrade_postgres
from tests.support.postgres import Postgres

NEWEST = postgres_migrations()[-1].version


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


def test_the_shipped_steps_are_numbered_without_gaps() -> None:
    """From 1."""
    assert [step.version for step in postgres_migrations()] == list(range(1, len(postgres_migrations()) + 1))


async def test_an_empty_database_gets_all_once(server: Postgres) -> None:
    """Each version is noted with its time; a look changes nothing."""
    url = server.database()
    assert await upgrade_postgres(url, check=True) == (0, NEWEST)
    assert await upgrade_postgres(url) == (0, NEWEST)
    assert await upgrade_postgres(url) == (NEWEST, NEWEST)
    rows = server.sql("SELECT version, applied_at FROM schema_version ORDER BY version", url.rpartition("/")[2])
    assert [row[0] for row in rows] == [step.version for step in postgres_migrations()]


async def test_of_many_at_once_one_works(server: Postgres) -> None:
    """The others wait for it, and find it done."""
    url = server.database()
    outcomes = await asyncio.gather(*(upgrade_postgres(url) for _ in range(4)))
    assert sorted(outcomes) == [(0, NEWEST), (NEWEST, NEWEST), (NEWEST, NEWEST), (NEWEST, NEWEST)]


async def test_a_failing_step_leaves_nothing_behind(server: Postgres) -> None:
    """All or nothing, so that it can be tried again."""
    url = server.database()
    name = url.rpartition("/")[2]
    server.sql("CREATE TABLE plans (other integer)", name)
    with pytest.raises(Unavailable, match="already exists"):
        await upgrade_postgres(url)
    assert server.sql("SELECT count(*) FROM pg_tables WHERE tablename IN ('keys', 'schema_version')", name) == [(0,)]
    server.sql("DROP TABLE plans", name)
    assert await upgrade_postgres(url) == (0, NEWEST)


async def test_a_newer_schema_is_left_alone(server: Postgres) -> None:
    """A release ahead only added things: this one goes on working."""
    url = server.database()
    await upgrade_postgres(url)
    server.sql("INSERT INTO schema_version (version) VALUES (99)", url.rpartition("/")[2])
    assert await upgrade_postgres(url) == (99, 99)
    records = PostgresRecords(url)
    await records.ping()
    await records.aclose()


async def test_a_lost_server_is_unavailable() -> None:
    """One line."""
    with pytest.raises(Unavailable, match="refused"):
        await upgrade_postgres("postgresql://127.0.0.1:1/x")
