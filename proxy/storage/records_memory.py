"""Key records in a dict: for the demo and for tests. Lost with the process."""

from collections.abc import Mapping

import msgspec

from proxy.core.errors import Unavailable
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords, KeyStatus


class MemoryRecords:
    """`fail(True)` makes every call raise Unavailable until `fail(False)`: the supported switch for outage tests."""

    def __init__(self) -> None:
        self._keys: dict[str, KeyRecord] = {}
        self._meta: dict[str, str] = {}
        self._failing = False
        self._closed = False

    def fail(self, failing: bool) -> None:
        self._failing = failing

    async def create(self, record: KeyRecord) -> None:
        self._check()
        if record.key_id in self._keys:
            raise KeyExists(f"API key {record.key_id} exists")
        self._keys[record.key_id] = record

    async def create_first(self, record: KeyRecord) -> bool:
        self._check()
        if self._keys:
            return False
        self._keys[record.key_id] = record
        return True

    async def get(self, key_id: str) -> KeyRecord | None:
        self._check()
        return self._keys.get(key_id)

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        self._check()
        found = [
            record
            for key_id, record in sorted(self._keys.items())
            if key_id > after and status in (None, record.status) and tenant in (None, record.tenant)
        ]
        return found[:limit]

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        self._check()
        record = self._keys.get(key_id)
        if record is None:
            return False
        self._keys[key_id] = msgspec.structs.replace(record, status=status, version=record.version + 1)
        return True

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        self._check()
        return next((record for record in self._keys.values() if record.key_hash == key_hash), None)

    async def replace(self, record: KeyRecord, before: int) -> bool:
        self._check()
        stored = self._keys.get(record.key_id)
        if stored is None or stored.version != before:
            return False
        self._keys[record.key_id] = msgspec.structs.replace(record, last_used=stored.last_used)
        return True

    async def touch(self, used: Mapping[str, float]) -> None:
        self._check()
        for key_id, unix_s in used.items():
            record = self._keys.get(key_id)
            if record is not None and (record.last_used is None or record.last_used < unix_s):
                self._keys[key_id] = msgspec.structs.replace(record, last_used=unix_s)

    async def meta(self, name: str) -> str | None:
        self._check()
        return self._meta.get(name)

    async def meta_once(self, name: str, value: str) -> str:
        self._check()
        return self._meta.setdefault(name, value)

    async def ping(self) -> None:
        self._check()

    async def aclose(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed or self._failing:
            raise Unavailable("the record store is not available", retry_after_s=1.0)


_: type[KeyRecords] = MemoryRecords
