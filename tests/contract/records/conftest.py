"""Every record store, each test with an empty one of its own."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.storage.open import BackEnd
from tests.support import moto
from tests.support.postgres import Postgres

BACK_ENDS: tuple[BackEnd, ...] = ("sqlite", "memory", "postgres", "dynamodb")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    from proxy.storage.postgres_schema import upgrade_postgres

    with Postgres() as server:
        server.sql("CREATE DATABASE upgraded")
        asyncio.run(upgrade_postgres(server.url("upgraded")))
        yield server


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[moto.Moto]:
    """moto's, or one that is there: DynamoDB Local, say."""
    server = moto.Moto()
    if elsewhere := os.environ.get("LLM_EDGE_TEST_DYNAMODB"):
        server.endpoint = elsewhere
        yield server
        return
    with server:
        yield server


@pytest.fixture(params=BACK_ENDS)
def back_end(request: pytest.FixtureRequest) -> BackEnd:
    made: BackEnd = request.param
    return made


@pytest.fixture
def url(back_end: BackEnd, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the empty store."""
    match back_end:
        case "sqlite":
            return f"sqlite:///{tmp_path}/records.db"
        case "memory":
            return "memory://"
        case "postgres":
            server: Postgres = request.getfixturevalue("postgres")
            return server.database("upgraded", timeout_ms=30_000)
        case "dynamodb":
            for name, value in moto.ENVIRONMENT.items():
                monkeypatch.setenv(name, value)
            fake: moto.Moto = request.getfixturevalue("dynamodb")
            made = fake.url(timeout_ms=30_000)
            from proxy.storage.dynamodb_schema import upgrade_dynamodb

            asyncio.run(upgrade_dynamodb(made))
            return made
