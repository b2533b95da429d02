"""The ledger in the AWS lab's table; what every ledger keeps is in tests/contract/records."""

import asyncio
import re
import time

import msgspec

from proxy.core.entities import Entity
from proxy.storage.dynamodb_url import parse
from proxy.storage.dynamodb_usage import DynamoUsage, to_log_item
from proxy.storage.dynamodb_values import from_item, to_item
from proxy.storage.usage import UsageRecord
from tests.support.dynamo import client_of, dynamo_url, dynamodb

__all__ = ["dynamo_url", "dynamodb"]

AT = 1_793_059_200.25
ANN = Entity("USER", "ann", "acme")
RECORD = UsageRecord(
    id="r1",
    at=AT,
    tenant="acme",
    key_id="k",
    asked="smart",
    entities=(ANN,),
    input_tokens=7,
    cache_read_tokens=3,
    output_tokens=2,
    cost_nanos=5,
)


def test_a_record_is_a_row_of_the_labs() -> None:
    """Its attributes with its names and types; it goes after thirty days."""
    fields = from_item(to_log_item(RECORD, 30))
    assert re.fullmatch(r"1793059200#smart#[0-9a-f]{32}", fields.pop("usage_id"))
    assert fields.pop("record")
    assert fields == {
        "tenant_id": "acme",
        "timestamp": 1793059200,
        "model": "smart",
        "input_tokens": 10,
        "output_tokens": 2,
        "total_tokens": 12,
        "metadata": {"request_id": "r1", "key_id": "k", "provider": "", "status": "ok"},
        "ttl": 1793059200 + 30 * 86400,
    }


def test_a_long_name_fits_into_a_key() -> None:
    """Which has 1024 bytes."""
    usage_id = from_item(to_log_item(msgspec.structs.replace(RECORD, asked="ä" * 2000), 30))["usage_id"]
    assert len(usage_id.encode()) < 1024


async def test_a_row_of_the_labs_is_read(dynamo_url: str) -> None:
    """What it says, at no known cost."""
    row = {"tenant_id": "acme", "usage_id": "1793059200#m#ab", "timestamp": 1793059200, "model": "m", "input_tokens": 4, "output_tokens": 1}
    client_of(dynamo_url).put_item(TableName=parse(dynamo_url).logs_table, Item=to_item(row | {"total_tokens": 5, "metadata": {}}))
    ledger = DynamoUsage(dynamo_url)
    (found,) = await ledger.list(since=AT - 1, until=AT + 1, filters={"tenant": "acme"})
    assert (found.asked, found.input_tokens, found.output_tokens, found.cost_nanos) == ("m", 4, 1, None)
    await ledger.aclose()


async def test_what_was_spent_outlives_the_logs(dynamo_url: str) -> None:
    """Whole days come from their sums; parts of days from what is there."""
    ledger = DynamoUsage(dynamo_url)
    await ledger.add(
        [RECORD, msgspec.structs.replace(RECORD, id="r2", at=AT + 86_400), msgspec.structs.replace(RECORD, id="r3", at=AT + 90_000)]
    )
    midnight = AT - 0.25
    assert await ledger.spent(ANN, midnight, midnight + 2 * 86_400) == 15
    assert await ledger.spent(ANN, midnight, AT + 86_401) == 10
    assert await ledger.spent(ANN, AT - 100, AT + 100) == 5
    client, table = client_of(dynamo_url), parse(dynamo_url).logs_table
    for item in client.scan(TableName=table)["Items"]:
        client.delete_item(TableName=table, Key={name: item[name] for name in ("tenant_id", "usage_id")})
    assert await ledger.spent(ANN, midnight, midnight + 2 * 86_400) == 15
    assert await ledger.spent(ANN, AT - 100, AT + 100) == 0
    await ledger.aclose()


async def test_the_day_that_runs_is_a_whole_one(dynamo_url: str) -> None:
    """Nothing is recorded of what is still to come."""
    ledger = DynamoUsage(dynamo_url)
    now = time.time()
    await ledger.add([msgspec.structs.replace(RECORD, at=now - now % 86_400)])
    client, table = client_of(dynamo_url), parse(dynamo_url).logs_table
    for item in client.scan(TableName=table)["Items"]:
        client.delete_item(TableName=table, Key={name: item[name] for name in ("tenant_id", "usage_id")})
    assert await ledger.spent(ANN, now - now % 86_400, now + 3600) == 5
    await ledger.aclose()


async def test_two_gateways_deliver_the_same_records(dynamo_url: str) -> None:
    """At the same time: each counts once, also in the sums."""
    ledger = DynamoUsage(dynamo_url)
    records = [msgspec.structs.replace(RECORD, id=f"r{n}") for n in range(20)]
    counts = await asyncio.gather(*(ledger.add(records) for _ in range(3)))
    assert sum(counts) == 20
    assert await ledger.spent(ANN, AT - 0.25, AT - 0.25 + 86_400) == 100
    await ledger.aclose()
