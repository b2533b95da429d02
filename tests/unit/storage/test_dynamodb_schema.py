"""The DynamoDB tables."""

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.dynamodb_schema import upgrade_dynamodb
from proxy.storage.dynamodb_url import parse
from tests.support import moto
from tests.support.dynamo import client_of, dynamodb

__all__ = ["dynamodb"]


async def test_missing_tables_are_made_once(dynamodb: moto.Moto) -> None:
    """A look makes none; those that are there stay as they are."""
    url = dynamodb.url()
    names = [parse(url).table, parse(url).plans_table, parse(url).logs_table]
    assert await upgrade_dynamodb(url, check=True) == (names, [])
    assert await upgrade_dynamodb(url) == (names, [])
    assert await upgrade_dynamodb(url) == ([], [])


async def test_they_are_the_labs(dynamodb: moto.Moto) -> None:
    """Keys, indexes, streams, time to live, recovery, on demand."""
    url = dynamodb.url()
    await upgrade_dynamodb(url)
    client = client_of(url)
    plans = client.describe_table(TableName=parse(url).plans_table)["Table"]
    logs = client.describe_table(TableName=parse(url).logs_table)["Table"]
    assert _key(plans) == [("entity_id", "HASH"), ("entity_type", "RANGE")]
    assert _key(logs) == [("tenant_id", "HASH"), ("usage_id", "RANGE")]
    assert _indexes(plans) == {"tenant_index": [("tenant_id", "HASH")]}
    assert _indexes(logs) == {"tenant_timestamp_index": [("tenant_id", "HASH"), ("timestamp", "RANGE")]}
    assert {"AttributeName": "timestamp", "AttributeType": "N"} in logs["AttributeDefinitions"]
    assert plans["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert logs["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert {table["BillingModeSummary"]["BillingMode"] for table in (plans, logs)} == {"PAY_PER_REQUEST"}
    ttl = client.describe_time_to_live(TableName=parse(url).logs_table)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
    recovery = client.describe_continuous_backups(TableName=parse(url).plans_table)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def _key(table: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(part["AttributeName"], part["KeyType"]) for part in table["KeySchema"]]


def _indexes(table: dict[str, list[dict[str, str]]]) -> dict[str, list[tuple[str, str]]]:
    return {index["IndexName"]: _key(index) for index in table["GlobalSecondaryIndexes"]}  # type: ignore[arg-type]


async def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line."""
    for name, value in moto.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable, match="Could not connect"):
        await upgrade_dynamodb("dynamodb://eu-west-1?endpoint=http://127.0.0.1:1&timeout_ms=200")
