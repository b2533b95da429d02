"""Issued answers in a dict: for the demo and for tests. Lost with the process, and bounded."""

from proxy.core.errors import Unavailable
from proxy.storage.responses import ResponseRecord, ResponseRecords

MAX_BYTES = 64 * 1024 * 1024
_OVERHEAD_BYTES = 1024
"""An allowance for a record without its content."""


class MemoryResponses:
    """`max_bytes`: the oldest go when it is reached. `fail(True)` makes every call raise Unavailable until `fail(False)`: the supported
    switch for outage tests."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._records: dict[tuple[str, str], ResponseRecord] = {}
        self._max_bytes = max_bytes
        self._bytes = 0
        self._failing = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._records)

    def fail(self, failing: bool) -> None:
        self._failing = failing

    async def put(self, record: ResponseRecord) -> None:
        self._check()
        self._drop((record.tenant, record.response_id))
        self._records[record.tenant, record.response_id] = record
        self._bytes += _size(record)
        while self._bytes > self._max_bytes and len(self._records) > 1:
            self._drop(next(iter(self._records)))

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        self._check()
        record = self._records.get((tenant, response_id))
        return record if record is not None and record.expires_at > now else None

    async def delete(self, tenant: str, response_id: str) -> bool:
        self._check()
        return self._drop((tenant, response_id))

    async def purge(self, now: float) -> int:
        self._check()
        expired = [key for key, record in self._records.items() if record.expires_at <= now]
        return sum(self._drop(key) for key in expired)

    async def aclose(self) -> None:
        self._closed = True

    def _drop(self, key: tuple[str, str]) -> bool:
        record = self._records.pop(key, None)
        if record is None:
            return False
        self._bytes -= _size(record)
        return True

    def _check(self) -> None:
        if self._closed or self._failing:
            raise Unavailable("the record store is not available", retry_after_s=1.0)


def _size(record: ResponseRecord) -> int:
    return len(record.kept or b"") + _OVERHEAD_BYTES


_: type[ResponseRecords] = MemoryResponses
