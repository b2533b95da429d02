"""API keys as the admin API shows them. Agenthub's fields have its naive UTC times and "" for what is unset; ours have Z and null."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from proxy.core.clock import utc_iso
from proxy.core.entities import Limits
from proxy.core.money import usd
from proxy.storage.records import KeyRecord, KeyStatus


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    api_key: str
    role: str
    created_at: str


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    role: str
    status: KeyStatus
    name: str
    created_at: str
    last_used: str
    revoked_at: str


class WholeKey(ListedKey, frozen=True, kw_only=True):
    tenant_id: str
    user: str
    team: str
    service: str
    project: str
    scopes: list[str]
    models: list[str] | None
    agents: list[str] | None
    limits: Limits | None
    monthly_budget_usd: float | None
    expires_at: str | None
    allowed_ips: list[str]
    metadata: dict[str, Any]
    door: str
    replaced_by: str | None
    version: int


def made(key: str, record: KeyRecord) -> dict[str, Any]:
    """The only time that the key is shown."""
    return _plain(MadeKey(key_id=record.key_id, api_key=key, role=record.role, created_at=naive_iso(record.created_at)))


def listed(record: KeyRecord) -> dict[str, Any]:
    return _plain(ListedKey(**_listed(record)))


def whole(record: KeyRecord) -> dict[str, Any]:
    """All but the hash."""
    caps = record.caps
    return _plain(
        WholeKey(
            **_listed(record),
            tenant_id=record.tenant,
            user=record.user,
            team=record.team,
            service=record.service,
            project=record.project,
            scopes=list(record.scopes),
            models=_list(record.models),
            agents=_list(record.agents),
            limits=record.limits,
            monthly_budget_usd=usd(caps.monthly) if caps is not None and caps.monthly is not None else None,
            expires_at=utc_iso(record.expires_at) if record.expires_at is not None else None,
            allowed_ips=list(record.allowed_ips),
            metadata=record.metadata,
            door=record.door,
            replaced_by=record.replaced_by,
            version=record.version,
        )
    )


def _listed(record: KeyRecord) -> dict[str, Any]:
    return {
        "key_id": record.key_id,
        "role": record.role,
        "status": record.status,
        "name": record.name,
        "created_at": naive_iso(record.created_at),
        "last_used": naive_iso(record.last_used) if record.last_used is not None else "",
        "revoked_at": naive_iso(record.revoked_at) if record.revoked_at is not None else "",
    }


def _plain(view: msgspec.Struct) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(view)
    return shown


def naive_iso(unix_s: float) -> str:
    """`2026-11-22T20:35:00.123000`."""
    return datetime.fromtimestamp(unix_s, UTC).replace(tzinfo=None).isoformat()


def _list(names: tuple[str, ...] | None) -> list[str] | None:
    return list(names) if names is not None else None
