"""Issued answers in the gateway's own DynamoDB table, which drops them by their `ttl`. What is larger than an item is in several."""

import math
from uuid import uuid4

from proxy.storage.dynamodb import DynamoStore, expression, own_key
from proxy.storage.dynamodb_values import from_item, to_item
from proxy.storage.response_rows import NAMES, from_row, to_row
from proxy.storage.responses import ResponseRecord, ResponseRecords

PIECE_BYTES = 350 * 1024
"""An item holds 400 KB, with its names."""


class DynamoResponses(DynamoStore):
    async def put(self, record: ResponseRecord) -> None:
        fields = dict(zip(NAMES, to_row(record), strict=True))
        ttl = {"ttl": math.ceil(record.expires_at)}
        if record.kept is not None and len(record.kept) > PIECE_BYTES:
            fields |= {"kept": None, "pieces": uuid4().hex}
            for start in range(0, len(record.kept), PIECE_BYTES):
                key = own_key(f"kept#{fields['pieces']}", f"{start:012}")
                item = key | to_item(ttl | {"kept": record.kept[start : start + PIECE_BYTES]})
                await self._call("put_item", TableName=self._client.url.table, Item=item)
        item = own_key(_partition(record.tenant), record.response_id) | to_item(fields | ttl)
        await self._call("put_item", TableName=self._client.url.table, Item=item)

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        item = await self._get(_partition(tenant), response_id) if response_id else None
        if item is None:
            return None
        fields = from_item(item)
        if (pieces := fields.get("pieces")) is not None:
            page = expression("#pk = :pk", {"pk": f"kept#{pieces}"}, kind="KeyConditionExpression", pk="pk")
            found = await self._query(TableName=self._client.url.table, ConsistentRead=True, **page)
            fields["kept"] = b"".join(piece["kept"]["B"] for piece in found)
        record = from_row(tuple(fields.get(name) for name in NAMES))
        return record if record.expires_at > now else None

    async def delete(self, tenant: str, response_id: str) -> bool:
        """Its pieces go by their `ttl`: nothing leads to them any more."""
        key = own_key(_partition(tenant), response_id)
        answer = await self._call("delete_item", TableName=self._client.url.table, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in answer

    async def purge(self, now: float) -> int:
        """0: DynamoDB does it, at no cost."""
        return 0


def _partition(tenant: str) -> str:
    return f"responses#{tenant}"


_: type[ResponseRecords] = DynamoResponses
