"""The record store that a URL names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from proxy.core.entities import Entity
from proxy.core.errors import Unavailable
from proxy.storage.overlays import EMPTY, OverlayRecords, Overlays
from proxy.storage.overlays_memory import MemoryOverlays
from proxy.storage.records import KeyRecord, KeyRecords, KeyStatus
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.responses import ResponseRecord, ResponseRecords
from proxy.storage.responses_memory import MemoryResponses
from proxy.storage.sqlite import SqliteRecords
from proxy.storage.sqlite_overlays import SqliteOverlays
from proxy.storage.sqlite_responses import SqliteResponses
from proxy.storage.sqlite_usage import SqliteUsage
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum
from proxy.storage.usage_memory import MemoryUsage


def open_records(url: str) -> KeyRecords:
    """Connects on first use. `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory://`; any other: a store that is never there."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteRecords(path)
    scheme = url.partition("://")[0]
    return MemoryRecords() if scheme in ("memory", "sqlite") else AbsentRecords(scheme.partition("+")[0])


def open_responses(url: str, records: KeyRecords | None = None) -> ResponseRecords:
    """Issued answers in the same store. `records`: what `open_records` gave for it."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteResponses(path, beside=records if isinstance(records, SqliteRecords) else None)
    scheme = url.partition("://")[0]
    return MemoryResponses() if scheme in ("memory", "sqlite") else AbsentResponses(scheme.partition("+")[0])


def open_overlays(url: str, records: KeyRecords | None = None) -> OverlayRecords:
    """Overlays in the same store. `records`: what `open_records` gave for it."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteOverlays(path, beside=records if isinstance(records, SqliteRecords) else None)
    scheme = url.partition("://")[0]
    return MemoryOverlays() if scheme in ("memory", "sqlite") else AbsentOverlays(scheme.partition("+")[0])


def open_usage(url: str, records: KeyRecords | None = None) -> UsageRecords:
    """The ledger in the same store. `records`: what `open_records` gave for it."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteUsage(path, beside=records if isinstance(records, SqliteRecords) else None)
    scheme = url.partition("://")[0]
    return MemoryUsage() if scheme in ("memory", "sqlite") else AbsentUsage(scheme.partition("+")[0])


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for other URLs and for SQLite in memory (`sqlite://`, `sqlite:///:memory:`)."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(parts.path.removeprefix("/"))
    return Path(name) if name and name != ":memory:" else None


class AbsentRecords:
    """Stands for a back end that this version has no adapter for: every call raises Unavailable (503), none says 401."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    async def create(self, record: KeyRecord) -> None:
        raise self._error()

    async def create_first(self, record: KeyRecord) -> bool:
        raise self._error()

    async def get(self, key_id: str) -> KeyRecord | None:
        raise self._error()

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        raise self._error()

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        raise self._error()

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        raise self._error()

    async def replace(self, record: KeyRecord, before: int) -> bool:
        raise self._error()

    async def touch(self, used: Mapping[str, float]) -> None:
        raise self._error()

    async def meta(self, name: str) -> str | None:
        raise self._error()

    async def meta_once(self, name: str, value: str) -> str:
        raise self._error()

    async def ping(self) -> None:
        raise self._error()

    async def aclose(self) -> None:
        """Nothing to close."""

    def _error(self) -> Unavailable:
        return _absent(self._scheme)


class AbsentResponses:
    """The same for issued answers."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    async def put(self, record: ResponseRecord) -> None:
        raise _absent(self._scheme)

    async def get(self, tenant: str, response_id: str, now: float) -> ResponseRecord | None:
        raise _absent(self._scheme)

    async def delete(self, tenant: str, response_id: str) -> bool:
        raise _absent(self._scheme)

    async def purge(self, now: float) -> int:
        """There is nothing."""
        return 0

    async def aclose(self) -> None:
        """Nothing to close."""


class AbsentOverlays:
    """The same for overlays: there are none, and none can be made."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    async def version(self) -> int:
        return 0

    async def load(self) -> Overlays:
        return EMPTY

    async def replace(self, overlays: Overlays, before: int) -> bool:
        raise _absent(self._scheme)

    async def aclose(self) -> None:
        """Nothing to close."""


class AbsentUsage:
    """The same for the ledger."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    async def add(self, records: Sequence[UsageRecord]) -> int:
        raise _absent(self._scheme)

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        raise _absent(self._scheme)

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        raise _absent(self._scheme)

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        raise _absent(self._scheme)

    async def get(self, id_: str) -> UsageRecord | None:
        raise _absent(self._scheme)

    async def purge(self, before: float) -> int:
        """There is nothing."""
        return 0

    async def aclose(self) -> None:
        """Nothing to close."""


def _absent(scheme: str) -> Unavailable:
    return Unavailable(f"no adapter for {scheme} records in this version; use sqlite:///file.db")


_: type[KeyRecords] = AbsentRecords
__: type[ResponseRecords] = AbsentResponses
___: type[OverlayRecords] = AbsentOverlays
____: type[UsageRecords] = AbsentUsage
