"""Key records in the gateway's own DynamoDB table: all under one partition key, so that they list in order, and a pointer by hash."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from proxy.core.clock import utc_iso
from proxy.core.errors import Unavailable
from proxy.storage.dynamodb import DynamoStore, Refused, expression, own_key
from proxy.storage.dynamodb_values import Item, from_item, to_item
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus
from proxy.storage.sqlite_rows import NAMES, from_row, to_row

KEYS, HASHES, META = "keys", "key_hashes", "meta"
ANY_KEY = "any_key"
"""A meta value that is there before the first key is."""
_ABSENT = expression("attribute_not_exists(#sk)", sk="sk")
_PRESENT_VERSION = "#version = :before"


class DynamoRecords(DynamoStore):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._marked = False

    async def create(self, record: KeyRecord) -> None:
        if not self._marked:
            with suppress(Refused):
                await self._call("put_item", TableName=self._client.url.table, Item=_mark(), **_ABSENT)
            self._marked = True
        try:
            await self._transact(self._put(_item(record)), self._pointer(record))
        except Refused:
            raise KeyExists(f"API key {record.key_id} exists") from None

    async def create_first(self, record: KeyRecord) -> bool:
        try:
            await self._transact(self._put(_mark()), self._put(_item(record)), self._pointer(record))
        except Refused:
            return False
        return True

    async def get(self, key_id: str) -> KeyRecord | None:
        item = await self._get(KEYS, key_id) if key_id else None
        return _record(item) if item is not None else None

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        values: dict[str, Any] = {"pk": KEYS} | ({"after": after} if after else {})
        names = {"pk": "pk"} | ({"sk": "sk"} if after else {})
        filters = {name: value for name, value in (("status", status), ("tenant", tenant)) if value is not None}
        page = expression(
            "#pk = :pk" + (" AND #sk > :after" if after else ""),
            values | filters,
            kind="KeyConditionExpression",
            **names | {name: name for name in filters},
        )
        if filters:
            page["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        else:
            page["Limit"] = limit
        items = await self._query(limit, TableName=self._client.url.table, ConsistentRead=True, **page)
        return [_record(item) for item in items]

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        values = {"status": status, "one": 1}
        change = {
            "UpdateExpression": "SET #status = :status, #version = #version + :one",
            **expression("attribute_exists(#sk)", values, sk="sk", status="status", version="version"),
        }
        return await self._update(key_id, change)

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        pointer = await self._get(HASHES, key_hash) if key_hash else None
        record = await self.get(pointer["key_id"]["S"]) if pointer is not None else None
        return record if record is not None and record.key_hash == key_hash else None

    async def replace(self, record: KeyRecord, before: int) -> bool:
        fields = {name: value for name, value in zip(NAMES, to_row(record), strict=True) if name != "key_id"}
        present = {name: value for name, value in fields.items() if value is not None}
        sets = [f"#{name} = " + (f"if_not_exists(#{name}, :{name})" if name == "last_used" else f":{name}") for name in present]
        gone = [f"#{name}" for name in fields if name not in present and name != "last_used"]
        change = {
            "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(gone)}" if gone else ""),
            **expression(
                _PRESENT_VERSION,
                present | {"before": before},
                **{name: name for name in fields if name in present or f"#{name}" in gone},
            ),
        }
        update = {"Update": {"TableName": self._client.url.table, "Key": own_key(KEYS, record.key_id), **change}}
        try:
            await self._transact(update, self._pointer(record))
        except Refused:
            return False
        return True

    async def touch(self, used: Mapping[str, float]) -> None:
        condition = "attribute_exists(#sk) AND (attribute_not_exists(#used) OR #used < :at)"
        changes = [
            (
                key_id,
                {
                    "UpdateExpression": "SET #used = :at",
                    **expression(condition, {"at": utc_iso(unix_s)}, sk="sk", used="last_used"),
                },
            )
            for key_id, unix_s in used.items()
        ]
        for start in range(0, len(changes), self._client.url.connections):
            await asyncio.gather(*(self._update(*change) for change in changes[start : start + self._client.url.connections]))

    async def meta(self, name: str) -> str | None:
        item = await self._get(META, name)
        return item["value"]["S"] if item is not None else None

    async def meta_once(self, name: str, value: str) -> str:
        with suppress(Refused):
            await self._call("put_item", TableName=self._client.url.table, Item=own_key(META, name) | to_item({"value": value}), **_ABSENT)
        return await self.meta(name) or value

    async def ping(self) -> None:
        """That every table is there; a right to write is known when something is written."""
        url = self._client.url
        await asyncio.gather(
            self._get(META, ANY_KEY),
            self._call("get_item", TableName=url.plans_table, Key=to_item({"entity_id": "-", "entity_type": "-"})),
            self._call("get_item", TableName=url.logs_table, Key=to_item({"tenant_id": "-", "usage_id": "-"})),
        )

    async def _update(self, key_id: str, change: dict[str, Any]) -> bool:
        try:
            await self._call("update_item", TableName=self._client.url.table, Key=own_key(KEYS, key_id), **change)
        except Refused:
            return False
        return True

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self._client.url.table, "Item": item, **_ABSENT}}

    def _pointer(self, record: KeyRecord) -> dict[str, Any]:
        item = own_key(HASHES, record.key_hash) | to_item({"key_id": record.key_id})
        return {"Put": {"TableName": self._client.url.table, "Item": item}}


def _mark() -> Item:
    return own_key(META, ANY_KEY) | to_item({"value": "yes"})


def _item(record: KeyRecord) -> Item:
    return own_key(KEYS, record.key_id) | to_item(dict(zip(NAMES, to_row(record), strict=True)))


def _record(item: Item) -> KeyRecord:
    fields = from_item(item)
    try:
        return from_row(tuple(fields.get(name) for name in NAMES))
    except sqlite3.DataError as exc:
        raise Unavailable(str(exc)) from exc


_: type[KeyRecords] = DynamoRecords
