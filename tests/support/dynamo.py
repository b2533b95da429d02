"""Fixtures over moto's DynamoDB: the server, and the URL of an upgraded store in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from proxy.storage.dynamodb_url import parse
from tests.support import moto


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[moto.Moto]:
    with pytest.MonkeyPatch.context() as patch, moto.Moto() as server:
        for name, value in moto.ENVIRONMENT.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
async def dynamo_url(dynamodb: moto.Moto) -> str:
    from proxy.storage.dynamodb_schema import upgrade_dynamodb

    url = dynamodb.url(timeout_ms=30_000)
    await upgrade_dynamodb(url)
    return url


def client_of(url: str) -> Any:
    """For arranging and looking from outside the code under test."""
    from proxy.storage.dynamodb import make_client

    return make_client(parse(url))
