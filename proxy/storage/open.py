"""The record store that a URL names. Drivers of shared stores are extras: imported only where the URL asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from proxy.core.errors import Unavailable
from proxy.storage.overlays import OverlayRecords
from proxy.storage.overlays_memory import MemoryOverlays
from proxy.storage.plans import PlanRecords
from proxy.storage.plans_memory import MemoryPlans
from proxy.storage.records import KeyRecords
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.responses import ResponseRecords
from proxy.storage.responses_memory import MemoryResponses
from proxy.storage.sqlite import SqliteRecords
from proxy.storage.sqlite_overlays import SqliteOverlays
from proxy.storage.sqlite_plans import SqlitePlans
from proxy.storage.sqlite_responses import SqliteResponses
from proxy.storage.sqlite_usage import SqliteUsage
from proxy.storage.usage import UsageRecords
from proxy.storage.usage_memory import MemoryUsage

BackEnd = Literal["sqlite", "memory", "postgres", "dynamodb"]


def back_end(url: str) -> BackEnd:
    """Of a URL of records; `sqlite`: in a file. Raises Unavailable for one that there is none of."""
    scheme = url.partition("://")[0].lower().partition("+")[0]
    if scheme in ("memory", "sqlite"):
        return "sqlite" if sqlite_path(url) is not None else "memory"
    if scheme in ("postgres", "postgresql"):
        return "postgres"
    if scheme == "dynamodb":
        return "dynamodb"
    raise Unavailable(f"there are no {scheme} records; use sqlite:///file.db, postgresql://… or dynamodb://…")


def open_records(url: str) -> KeyRecords:
    """Connects on first use. `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory://`, `postgresql://…`, `dynamodb://REGION`.
    Raises Unavailable where the driver is not installed."""
    match back_end(url):
        case "sqlite":
            return SqliteRecords(_file(url))
        case "memory":
            return MemoryRecords()
        case "postgres":
            with needs_extra("postgres"):
                from proxy.storage.postgres_keys import PostgresRecords
            return PostgresRecords(url)
        case "dynamodb":
            with needs_extra("dynamodb"):
                from proxy.storage.dynamodb_keys import DynamoRecords
            return DynamoRecords(url)


def open_responses(url: str, records: KeyRecords | None = None) -> ResponseRecords:
    """Issued answers in the same store. `records`: what `open_records` gave for it."""
    match back_end(url):
        case "sqlite":
            return SqliteResponses(_file(url), beside=records if isinstance(records, SqliteRecords) else None)
        case "memory":
            return MemoryResponses()
        case "postgres":
            with needs_extra("postgres"):
                from proxy.storage.postgres_keys import PostgresRecords
                from proxy.storage.postgres_responses import PostgresResponses
            return PostgresResponses(url, beside=records if isinstance(records, PostgresRecords) else None)
        case "dynamodb":
            with needs_extra("dynamodb"):
                from proxy.storage.dynamodb_keys import DynamoRecords
                from proxy.storage.dynamodb_responses import DynamoResponses
            return DynamoResponses(url, beside=records if isinstance(records, DynamoRecords) else None)


def open_overlays(url: str, records: KeyRecords | None = None) -> OverlayRecords:
    """Overlays in the same store. `records`: what `open_records` gave for it."""
    match back_end(url):
        case "sqlite":
            return SqliteOverlays(_file(url), beside=records if isinstance(records, SqliteRecords) else None)
        case "memory":
            return MemoryOverlays()
        case "postgres":
            with needs_extra("postgres"):
                from proxy.storage.postgres_keys import PostgresRecords
                from proxy.storage.postgres_overlays import PostgresOverlays
            return PostgresOverlays(url, beside=records if isinstance(records, PostgresRecords) else None)
        case "dynamodb":
            with needs_extra("dynamodb"):
                from proxy.storage.dynamodb_keys import DynamoRecords
                from proxy.storage.dynamodb_overlays import DynamoOverlays
            return DynamoOverlays(url, beside=records if isinstance(records, DynamoRecords) else None)


def open_plans(url: str, records: KeyRecords | None = None) -> PlanRecords:
    """Usage plans in the same store. `records`: what `open_records` gave for it."""
    match back_end(url):
        case "sqlite":
            return SqlitePlans(_file(url), beside=records if isinstance(records, SqliteRecords) else None)
        case "memory":
            return MemoryPlans()
        case "postgres":
            with needs_extra("postgres"):
                from proxy.storage.postgres_keys import PostgresRecords
                from proxy.storage.postgres_plans import PostgresPlans
            return PostgresPlans(url, beside=records if isinstance(records, PostgresRecords) else None)
        case "dynamodb":
            with needs_extra("dynamodb"):
                from proxy.storage.dynamodb_keys import DynamoRecords
                from proxy.storage.dynamodb_plans import DynamoPlans
            return DynamoPlans(url, beside=records if isinstance(records, DynamoRecords) else None)


def open_usage(url: str, records: KeyRecords | None = None) -> UsageRecords:
    """The ledger in the same store. `records`: what `open_records` gave for it."""
    match back_end(url):
        case "sqlite":
            return SqliteUsage(_file(url), beside=records if isinstance(records, SqliteRecords) else None)
        case "memory":
            return MemoryUsage()
        case "postgres":
            with needs_extra("postgres"):
                from proxy.storage.postgres_keys import PostgresRecords
                from proxy.storage.postgres_usage import PostgresUsage
            return PostgresUsage(url, beside=records if isinstance(records, PostgresRecords) else None)
        case "dynamodb":
            with needs_extra("dynamodb"):
                from proxy.storage.dynamodb_keys import DynamoRecords
                from proxy.storage.dynamodb_usage import DynamoUsage
            return DynamoUsage(url, beside=records if isinstance(records, DynamoRecords) else None)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for other URLs and for SQLite in memory (`sqlite://`, `sqlite:///:memory:`)."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(parts.path.removeprefix("/"))
    return Path(name) if name and name != ":memory:" else None


def _file(url: str) -> Path:
    path = sqlite_path(url)
    assert path is not None  # noqa: S101 - `back_end` has said so
    return path


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        raise Unavailable(f"stores.records needs the package {exc.name}: pip install 'llm-edge[{name}]'") from exc
