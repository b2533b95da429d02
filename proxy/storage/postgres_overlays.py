"""Overlays in Postgres: a row a version, so that who changed what can be looked up."""

import msgspec

from proxy.core.errors import Unavailable
from proxy.storage.overlays import EMPTY, KEPT, OverlayRecords, Overlays, decode, encode
from proxy.storage.postgres import PostgresStore

OVERLAYS_LOCK = 0x6C6C6D65_64676502

VERSION = "SELECT coalesce(max(version), 0) FROM overlays"
NEWEST = "SELECT document FROM overlays ORDER BY version DESC LIMIT 1"
INSERT = """
INSERT INTO overlays (version, document) SELECT %s, %s::jsonb WHERE (SELECT coalesce(max(version), 0) FROM overlays) = %s
"""
FORGET = "DELETE FROM overlays WHERE version <= %s"


class PostgresOverlays(PostgresStore):
    async def version(self) -> int:
        return int((await self._rows(VERSION))[0][0])

    async def load(self) -> Overlays:
        rows = await self._rows(NEWEST)
        if not rows:
            return EMPTY
        try:
            return decode(rows[0][0])
        except msgspec.MsgspecError as exc:
            raise Unavailable(f"the overlays are unreadable: {exc}") from exc

    async def replace(self, overlays: Overlays, before: int) -> bool:
        insert = (INSERT, (overlays.version, encode(overlays).decode(), before))
        return await self._changed_alone(OVERLAYS_LOCK, insert, (FORGET, (overlays.version - KEPT,))) == 1


_: type[OverlayRecords] = PostgresOverlays
