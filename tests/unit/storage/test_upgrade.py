"""Bringing a shared store up to date."""

from collections.abc import Iterator

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.migrations import postgres_migrations
from proxy.storage.upgrade import Upgrade, upgrade
from tests.support import moto
from tests.support.dynamo import dynamodb
from tests.support.postgres import Postgres

__all__ = ["dynamodb"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


async def test_postgres_gets_its_schema(postgres: Postgres) -> None:
    """What was missing is named."""
    url = postgres.database()
    steps = tuple(f"schema {step.version}" for step in postgres_migrations())
    assert await upgrade(url, check=True) == Upgrade(before="0", missing=steps)
    assert await upgrade(url) == Upgrade(before="0", missing=steps)
    assert await upgrade(url) == Upgrade(before=str(len(steps)))


async def test_dynamodb_gets_its_tables(dynamodb: moto.Moto) -> None:
    """Three of them."""
    url = dynamodb.url()
    assert len((await upgrade(url)).missing) == 3
    assert (await upgrade(url)).missing == ()


async def test_what_is_not_known_is_unavailable() -> None:
    """With what there is."""
    with pytest.raises(Unavailable, match="no mysql records"):
        await upgrade("mysql://h/x")


def test_lines_for_people() -> None:
    """What it did, or would do, and what follows."""
    done = Upgrade(before="0", missing=("schema 1",), notes=("t: expired items stay",))
    assert list(done.lines("pg", check=False)) == ["pg: made schema 1", "note: t: expired items stay"]
    assert list(done.lines("pg", check=True)) == ["pg: needs schema 1", "note: t: expired items stay"]
    assert list(Upgrade(before="1").lines("pg", check=True)) == ["pg: up to date"]
