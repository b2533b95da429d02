"""`stores`: where records, hot state and audit events live."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, field_validator

from proxy.settings.base import SecretUrl, Section

EMBEDDED = "embedded"
RECORD_SCHEMES = ("sqlite", "memory", "postgresql", "postgres", "dynamodb")
EMBEDDED_SCHEMES = ("sqlite", "memory")
REDIS_SCHEMES = ("redis", "rediss", "redis+cluster", "rediss+cluster", "unix")
AUDIT_SCHEMES = ("jsonl", "kafka")


def scheme_of(url: str) -> str:
    """`postgresql+psycopg://…` → `postgresql`; `redis+cluster://…` stays."""
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    return scheme if scheme in REDIS_SCHEMES else scheme.partition("+")[0]


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str | SecretUrl) else value


class StoresSettings(Section):
    records: SecretUrl = Field(
        SecretUrl("sqlite:///llm-edge.db"),
        description="Keys and other records: `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory://` (lost at exit).",
    )
    redis: SecretUrl | None = Field(
        None,
        description="Hot state, L2 cache: `redis[s]://`, `redis[s]+cluster://`, `unix://`, `embedded` (extra llm-edge[valkey]); null.",
    )
    audit: Annotated[tuple[SecretUrl, ...], BeforeValidator(_one_or_many)] = Field(
        (), description="Sinks of audit events: `jsonl:///directory`, `kafka://broker:9092`; one or a list."
    )

    @field_validator("records")
    @classmethod
    def _known_records(cls, value: SecretUrl) -> SecretUrl:
        if scheme_of(value.get_secret_value()) not in RECORD_SCHEMES:
            raise ValueError(f"must be a URL with one of the schemes {', '.join(RECORD_SCHEMES)}")
        return value

    @field_validator("redis")
    @classmethod
    def _known_redis(cls, value: SecretUrl | None) -> SecretUrl | None:
        if value is not None and value.get_secret_value() != EMBEDDED and scheme_of(value.get_secret_value()) not in REDIS_SCHEMES:
            raise ValueError(f"must be `{EMBEDDED}` or a URL with one of the schemes {', '.join(REDIS_SCHEMES)}")
        return value

    @field_validator("audit")
    @classmethod
    def _known_audit(cls, value: tuple[SecretUrl, ...]) -> tuple[SecretUrl, ...]:
        if any(scheme_of(item.get_secret_value()) not in AUDIT_SCHEMES for item in value):
            raise ValueError(f"each must be a URL with one of the schemes {', '.join(AUDIT_SCHEMES)}")
        return value

    @property
    def records_url(self) -> str:
        return self.records.get_secret_value()

    @property
    def sqlite_file(self) -> Path | None:
        """Of an SQLite store; None: another store, or SQLite in memory."""
        parts = urlsplit(self.records_url)
        if parts.scheme.partition("+")[0] != "sqlite":
            return None
        name = unquote(parts.path.removeprefix("/"))
        return Path(name) if name and name != ":memory:" else None

    @property
    def redis_url(self) -> str | None:
        """`embedded`, a URL, or None."""
        return self.redis.get_secret_value() if self.redis is not None else None

    @property
    def embedded_records(self) -> bool:
        """Whether the record store belongs to this machine alone."""
        return scheme_of(self.records_url) in EMBEDDED_SCHEMES
