"""Calls to DynamoDB; what every store keeps is in tests/contract/records, its outages in test_lost_stores there."""

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.dynamodb import Refused, _Conflict, _translated, expression
from proxy.storage.dynamodb_keys import DynamoRecords
from proxy.storage.dynamodb_overlays import DynamoOverlays
from proxy.storage.dynamodb_responses import PIECE_BYTES, DynamoResponses
from proxy.storage.dynamodb_url import parse
from proxy.storage.overlays import Overlays
from proxy.storage.records import KeyRecord
from proxy.storage.responses import ResponseRecord
from proxy.storage.shared import SchemaOutdated
from tests.support import moto
from tests.support.dynamo import client_of, dynamo_url, dynamodb

__all__ = ["dynamo_url", "dynamodb"]

ANSWER = ResponseRecord(
    response_id="r", tenant="t", key_id="k", asked="m", provider="p", model="m", at_provider=False, created_at=1.5, expires_at=1e9 + 0.5
)


def failure(code: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}, **more}, "PutItem")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failure("ConditionalCheckFailedException"), Refused),
        (failure("TransactionCanceledException", CancellationReasons=[{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]), Refused),
        (failure("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}]), _Conflict),
        (failure("TransactionCanceledException", CancellationReasons=[{"Code": "ValidationError"}]), BadRequest),
        (failure("TransactionConflictException"), _Conflict),
        (failure("ResourceNotFoundException"), SchemaOutdated),
        (failure("ValidationException"), BadRequest),
        (failure("ProvisionedThroughputExceededException"), Unavailable),
        (failure("AccessDeniedException"), Unavailable),
        (failure("ExpiredTokenException"), Unavailable),
    ],
)
def test_errors_are_translated(error: ClientError, kind: type[Exception]) -> None:
    """Nothing becomes an empty answer."""
    assert type(_translated(error, {"TableName": "t"})) is kind


def test_a_transaction_says_which_condition_failed() -> None:
    """By its place."""
    error = failure("TransactionCanceledException", CancellationReasons=[{"Code": "None"}, {"Code": "ConditionalCheckFailed"}])
    refused = _translated(error, {})
    assert isinstance(refused, Refused)
    assert refused.places == (1,)


def test_expressions_name_every_attribute() -> None:
    """So many are reserved words."""
    assert expression("#a = :b", {"b": 1}, a="status") == {
        "ConditionExpression": "#a = :b",
        "ExpressionAttributeNames": {"#a": "status"},
        "ExpressionAttributeValues": {":b": {"N": "1"}},
    }


async def test_a_missing_table_says_what_to_run(dynamodb: moto.Moto) -> None:
    """Not an unknown key."""
    records = DynamoRecords(dynamodb.url(timeout_ms=30_000))
    for call in (records.ping(), records.get("lek_a")):
        with pytest.raises(SchemaOutdated, match="llm-edge db upgrade"):
            await call
    await records.aclose()


async def test_no_region_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the SDK, in one line."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    records = DynamoRecords("dynamodb://")
    with pytest.raises(Unavailable, match="region"):
        await records.get("lek_a")
    await records.aclose()


async def test_a_key_whose_hash_changed_is_found_by_the_new_one_only(dynamo_url: str) -> None:
    """The pointer of the old one leads nowhere."""
    records = DynamoRecords(dynamo_url)
    await records.create(KeyRecord(key_id="a", tenant="t", key_hash="old", created_at=1.0))
    assert await records.replace(KeyRecord(key_id="a", tenant="t", key_hash="new", created_at=1.0, version=2), 1)
    assert await records.by_hash("old") is None
    assert await records.by_hash("new") is not None
    await records.aclose()


async def test_an_item_that_nobody_wrote_is_unavailable(dynamo_url: str) -> None:
    """Not unknown."""
    records = DynamoRecords(dynamo_url)
    item = {"pk": {"S": "keys"}, "sk": {"S": "a"}, "key_id": {"S": "a"}, "created_at": {"S": "yesterday"}}
    client_of(dynamo_url).put_item(TableName=parse(dynamo_url).table, Item=item)
    with pytest.raises(Unavailable, match="key a is unreadable"):
        await records.get("a")
    await records.aclose()


async def test_transactions_that_meet_are_tried_again(dynamo_url: str) -> None:
    """And end with one winner."""
    records = DynamoRecords(dynamo_url)
    won = await asyncio.gather(
        *(records.create_first(KeyRecord(key_id=f"k{n}", tenant="t", key_hash="h", created_at=1.0)) for n in range(8))
    )
    assert sum(won) == 1
    await records.aclose()


async def test_a_large_answer_is_in_pieces(dynamo_url: str) -> None:
    """Of which each has the time to live."""
    answers = DynamoResponses(dynamo_url)
    kept = bytes(range(256)) * (PIECE_BYTES * 5 // 2 // 256)
    record = ResponseRecord(**{name: getattr(ANSWER, name) for name in ANSWER.__struct_fields__} | {"kept": kept})
    await answers.put(record)
    assert await answers.get("t", "r", 0.0) == record
    items = client_of(dynamo_url).scan(TableName=parse(dynamo_url).table)["Items"]
    assert len(items) == 4
    assert {item["ttl"]["N"] for item in items} == {"1000000001"}
    assert await answers.delete("t", "r")
    assert await answers.get("t", "r", 0.0) is None
    await answers.aclose()


async def test_each_version_of_the_overlays_stays_for_a_while(dynamo_url: str) -> None:
    """To see who changed what."""
    overlays = DynamoOverlays(dynamo_url)
    assert await overlays.replace(Overlays(version=1), 0)
    assert await overlays.replace(Overlays(version=2), 1)
    items = client_of(dynamo_url).scan(TableName=parse(dynamo_url).table)["Items"]
    assert sorted((item["sk"]["S"], item["version"]["N"]) for item in items) == [
        ("0" * 19 + "1", "1"),
        ("0" * 19 + "2", "2"),
        ("current", "2"),
    ]
    assert all("ttl" in item for item in items if item["sk"]["S"] != "current")
    await overlays.aclose()
