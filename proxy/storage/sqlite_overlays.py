"""Overlays in the SQLite file of the record store: a row a version, so that who changed what can be looked up."""

import sqlite3

import msgspec

from proxy.storage.overlays import EMPTY, KEPT, OverlayRecords, Overlays, decode, encode
from proxy.storage.sqlite_file import SqliteFile

VERSION = "SELECT coalesce(max(version), 0) FROM overlays"
NEWEST = "SELECT document FROM overlays ORDER BY version DESC LIMIT 1"
INSERT = "INSERT INTO overlays (version, document) SELECT ?1, ?2 WHERE (SELECT coalesce(max(version), 0) FROM overlays) = ?3"
FORGET = "DELETE FROM overlays WHERE version <= ?"


class SqliteOverlays(SqliteFile):
    """Synchronised in full: a drained target must stay drained after a power cut."""

    async def version(self) -> int:
        if self._inode is None and not self.path.exists():
            return 0  # nothing was ever stored: no reason to make the file
        return await self._run(lambda connection: int(connection.execute(VERSION).fetchone()[0]))

    async def load(self) -> Overlays:
        def select(connection: sqlite3.Connection) -> Overlays:
            row = connection.execute(NEWEST).fetchone()
            if row is None:
                return EMPTY
            try:
                return decode(row[0])
            except msgspec.MsgspecError as exc:
                raise sqlite3.DataError(f"the overlays are unreadable: {exc}") from exc

        return await self._run(select)

    async def replace(self, overlays: Overlays, before: int) -> bool:
        def insert(connection: sqlite3.Connection) -> bool:
            done = connection.execute(INSERT, (overlays.version, encode(overlays).decode(), before)).rowcount == 1
            connection.execute(FORGET, (overlays.version - KEPT,))
            return done

        return await self._run(insert)


_: type[OverlayRecords] = SqliteOverlays
