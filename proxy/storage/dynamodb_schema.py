"""The DynamoDB tables: the AWS lab's two as it makes them, and the gateway's own.

Source: the lab's Terraform as COMPAT.md has it (on demand, streams, recovery to any point, encryption); TTL attribute `ttl`.
"""

import asyncio
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from proxy.storage.dynamodb import make_client
from proxy.storage.dynamodb_url import DynamoUrl, parse
from proxy.storage.shared import lost

TENANT_TIME_INDEX = "tenant_timestamp_index"
_WAIT = {"Delay": 1, "MaxAttempts": 60}


def tables(url: DynamoUrl) -> list[dict[str, Any]]:
    """Arguments of CreateTable."""
    return [
        _table(url.table, [("pk", "S"), ("sk", "S")]),
        _table(url.plans_table, [("entity_id", "S"), ("entity_type", "S")], {"tenant_index": [("tenant_id", "S")]}, "NEW_AND_OLD_IMAGES"),
        _table(
            url.logs_table,
            [("tenant_id", "S"), ("usage_id", "S")],
            {TENANT_TIME_INDEX: [("tenant_id", "S"), ("timestamp", "N")]},
            "NEW_IMAGE",
        ),
    ]


async def upgrade_dynamodb(url: str, *, check: bool = False) -> tuple[list[str], list[str]]:
    """Tables that were missing, and what could not be set on those that were made; `check`: nothing is made. Raises Unavailable."""
    return await asyncio.to_thread(_upgrade, parse(url), check)


def _upgrade(url: DynamoUrl, check: bool) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    try:
        client = make_client(url)
        missing = [table for table in tables(url) if not _there(client, table["TableName"])]
        for table in missing if not check else ():
            _make(client, table)
        for table in missing if not check else ():
            client.get_waiter("table_exists").wait(TableName=table["TableName"], WaiterConfig=_WAIT)
            notes += _finish(client, table["TableName"], url)
    except (ClientError, BotoCoreError, OSError, ValueError) as exc:
        raise lost(exc) from exc
    return [table["TableName"] for table in missing], notes


def _there(client: Any, name: str) -> bool:
    try:
        client.describe_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _make(client: Any, table: dict[str, Any]) -> None:
    """Somebody else may have been quicker."""
    try:
        client.create_table(**table)
    except client.exceptions.ResourceInUseException:
        return


def _finish(client: Any, name: str, url: DynamoUrl) -> list[str]:
    """What a table gets once it is there; a role may make tables and not be allowed this."""
    notes = []
    if name != url.plans_table:
        try:
            client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        except ClientError as exc:
            notes.append(f"{name}: expired items stay ({exc.response['Error']['Code']})")
    try:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    except ClientError as exc:
        notes.append(f"{name}: no recovery to a point in time ({exc.response['Error']['Code']})")
    return notes


def _table(
    name: str, key: list[tuple[str, str]], indices: dict[str, list[tuple[str, str]]] | None = None, stream: str | None = None
) -> dict[str, Any]:
    attributes = dict(key) | {attribute: kind for index in (indices or {}).values() for attribute, kind in index}
    table: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": kind} for attribute, kind in attributes.items()],
        "KeySchema": _schema(key),
        "SSESpecification": {"Enabled": True},
    }
    if indices:
        table["GlobalSecondaryIndexes"] = [
            {"IndexName": index, "KeySchema": _schema(columns), "Projection": {"ProjectionType": "ALL"}}
            for index, columns in indices.items()
        ]
    if stream is not None:
        table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    return table


def _schema(columns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(columns, ("HASH", "RANGE"), strict=False)]
