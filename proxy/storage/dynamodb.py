"""Calls to DynamoDB, and what its stores share.

By botocore, on threads of its own: credentials of every kind AWS has, endpoints, signatures and retries are its business. Loss of any
kind, throttling among it → Unavailable (503); a missing table says what to run. Every read is consistent.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.dynamodb_url import DynamoUrl, parse
from proxy.storage.dynamodb_values import Item, to_item, to_value
from proxy.storage.shared import closed, lost, outdated

CONFLICT_TRIES = 6
"""Of a transaction that met another one."""
BATCH_GET = 100
TRANSACTION = 100
"""Items, at most: DynamoDB's own limits."""


class Refused(Exception):
    """A condition did not hold: of a transaction, those at these places."""

    def __init__(self, places: tuple[int, ...] = (0,)) -> None:
        super().__init__(places)
        self.places = places


class DynamoClient:
    """`users`: the stores that share it; the last one closes it."""

    def __init__(self, url: DynamoUrl) -> None:
        self.url = url
        self.users = 0
        self._threads = ThreadPoolExecutor(max_workers=url.connections, thread_name_prefix="records")
        self._making = Lock()
        self._made: Any = None

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Raises Unavailable, Refused, and BadRequest for what DynamoDB can't store."""
        loop = asyncio.get_running_loop()
        if self._made is None:
            await loop.run_in_executor(self._threads, self._make)
        try:
            async with asyncio.timeout(self.url.timeout_s):
                return await loop.run_in_executor(self._threads, self._work, operation, arguments)
        except TimeoutError:
            raise lost("no answer in time") from None

    async def transact(self, actions: Sequence[dict[str, Any]]) -> None:
        """All or none. Raises as `call`."""
        for trial in range(CONFLICT_TRIES):
            try:
                await self.call("transact_write_items", TransactItems=list(actions))
                return
            except _Conflict:
                await asyncio.sleep(random.uniform(0.005, 0.03) * 2**trial)  # noqa: S311 - jitter
        raise lost("others write the same records")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """On a thread."""
        try:
            answer: dict[str, Any] = getattr(self._made, operation)(**arguments)
            return answer
        except ClientError as exc:
            raise _translated(exc, arguments) from exc
        except (BotoCoreError, OSError, ValueError) as exc:
            raise lost(exc) from exc

    def _make(self) -> None:
        """On a thread; its time is no call's."""
        with self._making:
            if self._made is None:
                try:
                    self._made = make_client(self.url)
                except (BotoCoreError, OSError, ValueError) as exc:
                    raise lost(exc) from exc


class DynamoStore:
    """`beside`: another store over the same URL, whose connections it shares."""

    def __init__(self, url: str, *, beside: "DynamoStore | None" = None) -> None:
        self._closed = False
        self._client: DynamoClient = beside._client if beside is not None and not beside._closed else DynamoClient(parse(url))
        self._client.users += 1

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._client.users -= 1
        if not self._client.users:
            self._client.close()

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self._check_open()
        return await self._client.call(operation, **arguments)

    async def _transact(self, *actions: dict[str, Any]) -> None:
        self._check_open()
        await self._client.transact(actions)

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    async def _get(self, pk: str, sk: str) -> Item | None:
        """Of the gateway's own table."""
        answer = await self._call("get_item", TableName=self._client.url.table, Key=own_key(pk, sk), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    async def _query(self, limit: int | None = None, **arguments: Any) -> list[Item]:
        """All pages, or as many as hold `limit` items."""
        found: list[Item] = []
        while limit is None or len(found) < limit:
            answer = await self._call("query", **arguments)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found[:limit]

    async def _scan(self, table: str, **arguments: Any) -> list[Item]:
        found: list[Item] = []
        while True:
            answer = await self._call("scan", TableName=table, ConsistentRead=True, **arguments)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def _get_many(self, table: str, keys: Sequence[Item]) -> list[Item]:
        self._check_open()
        found: list[Item] = []
        for start in range(0, len(keys), BATCH_GET):
            wanted: dict[str, Any] = {table: {"Keys": list(keys[start : start + BATCH_GET]), "ConsistentRead": True}}
            while wanted:
                answer = await self._call("batch_get_item", RequestItems=wanted)
                found += answer["Responses"].get(table, [])
                wanted = answer.get("UnprocessedKeys") or {}
        return found


def make_client(url: DynamoUrl) -> Any:
    """Raises botocore's errors. Takes some 200 ms."""
    config = Config(
        connect_timeout=url.timeout_s,
        read_timeout=url.timeout_s,
        max_pool_connections=url.connections,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return botocore.session.get_session().create_client("dynamodb", region_name=url.region, endpoint_url=url.endpoint, config=config)


def own_key(pk: str, sk: str) -> Item:
    return to_item({"pk": pk, "sk": sk})


def expression(text: str, values: Mapping[str, Any] | None = None, /, *, kind: str = "ConditionExpression", **names: str) -> dict[str, Any]:
    """`text` with `#name` for the attributes in `names` (so many are reserved words that all are written so) and `:value`."""
    made: dict[str, Any] = {kind: text}
    if names:
        made["ExpressionAttributeNames"] = {f"#{short}": name for short, name in names.items()}
    if values:
        made["ExpressionAttributeValues"] = {f":{name}": to_value(value) for name, value in values.items()}
    return made


class _Conflict(Unavailable):
    """Another transaction is at the same items: it may be tried again."""


def _translated(error: ClientError, arguments: dict[str, Any]) -> Exception:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    match code:
        case "ConditionalCheckFailedException":
            return Refused()
        case "TransactionCanceledException":
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            places = tuple(place for place, reason in enumerate(reasons) if reason == "ConditionalCheckFailed")
            if places:
                return Refused(places)
            if "ValidationError" in reasons:
                return BadRequest(f"the record store can't hold this: {message}")
            return _Conflict("the record store is not available: others write the same records", retry_after_s=1.0)
        case "TransactionInProgressException" | "TransactionConflictException":
            return _Conflict("the record store is not available: others write the same records", retry_after_s=1.0)
        case "ResourceNotFoundException":
            return outdated("a table less", f"{arguments.get('TableName', 'all of its tables')}")
        case "ValidationException" | "SerializationException":
            return BadRequest(f"the record store can't hold this: {message}")
        case _:
            return lost(f"{code}: {message}")
