"""Overlays in the gateway's own DynamoDB table: the one in force, and each version for a while, to see who changed what."""

import time

import msgspec

from proxy.core.errors import Unavailable
from proxy.storage.dynamodb import DynamoStore, Refused, expression, own_key
from proxy.storage.dynamodb_values import to_item
from proxy.storage.overlays import EMPTY, OverlayRecords, Overlays, decode, encode

PARTITION, CURRENT = "overlays", "current"
KEPT_S = 90 * 86400


class DynamoOverlays(DynamoStore):
    async def version(self) -> int:
        item = await self._get(PARTITION, CURRENT)
        return int(item["version"]["N"]) if item is not None else 0

    async def load(self) -> Overlays:
        item = await self._get(PARTITION, CURRENT)
        if item is None:
            return EMPTY
        try:
            return decode(item["document"]["S"])
        except msgspec.MsgspecError as exc:
            raise Unavailable(f"the overlays are unreadable: {exc}") from exc

    async def replace(self, overlays: Overlays, before: int) -> bool:
        values = to_item({"version": overlays.version, "document": encode(overlays).decode()})
        held = "#version = :before" if before else "attribute_not_exists(#version)"
        condition = expression(held, {"before": before} if before else None, version="version")
        table = self._client.url.table
        kept = own_key(PARTITION, f"{overlays.version:020}") | values | to_item({"ttl": int(time.time() + KEPT_S)})
        try:
            await self._transact(
                {"Put": {"TableName": table, "Item": own_key(PARTITION, CURRENT) | values, **condition}},
                {"Put": {"TableName": table, "Item": kept}},
            )
        except Refused:
            return False
        return True


_: type[OverlayRecords] = DynamoOverlays
