"""What a body says of an API key: known, in range, in our units; or 422 with the field's name, before anything is changed."""

from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from proxy.admin.wrong import explained, near
from proxy.core.entities import NO_LIMITS, Caps, Limits
from proxy.core.errors import InvalidField
from proxy.core.identity import SCOPES, Roles
from proxy.core.money import NANOS_PER_USD
from proxy.storage.records import KeyRecord

Rate = Annotated[int, Meta(ge=1, le=10_000_000)]
Tokens = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Id = Annotated[str, Meta(max_length=128, pattern=r"^([^\s{}@\x00-\x1f][^\s{}\x00-\x1f]*)?$")]
"""Whom it is for. Braces would end a hash tag in Redis, `@` begins the gateway's own."""
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=1000)]
MAX_METADATA_BYTES = 16 * 1024
_FAR = 253_402_300_799.0
"""The end of the year 9999."""
_ROW: tuple[str, ...] = ("name", "user", "team", "service", "project")


class LimitsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As core.entities.Limits; null takes one away."""

    rpm: Rate | UnsetType | None = UNSET
    input_tpm: Tokens | UnsetType | None = UNSET
    output_tpm: Tokens | UnsetType | None = UNSET
    concurrency: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType | None = UNSET
    qps: Annotated[float, Meta(gt=0, le=1_000_000)] | UnsetType | None = UNSET
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType | None = UNSET
    tpm: Tokens | UnsetType | None = UNSET
    algorithm: Literal["window", "bucket"] | UnsetType | None = UNSET

    def over(self, before: Limits | None) -> Limits | None:
        """Raises InvalidField."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        found = msgspec.structs.replace(before or NO_LIMITS, **given)
        if found.qps is not None and found.burst is not None and found.burst < found.qps:
            raise InvalidField(f"{found.burst} is below qps, {found.qps:g}, which could never be reached", "limits.burst")
        return None if found.empty else found


class KeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of a key. Left out: as it is, or the default; null: the default."""

    role: str | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET
    tenant_id: Id | UnsetType | None = UNSET
    team: Id | UnsetType | None = UNSET
    user: Id | UnsetType | None = UNSET
    service: Id | UnsetType | None = UNSET
    project: Id | UnsetType | None = UNSET
    models: Names | UnsetType | None = UNSET
    agents: Names | UnsetType | None = UNSET
    scopes: Names | UnsetType | None = UNSET
    limits: LimitsBody | UnsetType | None = UNSET
    monthly_budget_usd: Annotated[float, Meta(ge=0, le=1_000_000_000)] | UnsetType | None = UNSET
    expires_at: str | float | UnsetType | None = UNSET
    allowed_ips: Annotated[tuple[str, ...], Meta(max_length=200)] | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    door: Literal["", "agent"] | UnsetType = UNSET
    version: int | UnsetType | None = UNSET


def read_fields(body: dict[str, Any], roles: Roles, now: float) -> KeyBody:
    """Checked, with networks as they are written. Raises InvalidField."""
    try:
        found = msgspec.convert(body, KeyBody)
    except msgspec.ValidationError as exc:
        raise explained(str(exc), _fields) from None
    if isinstance(found.role, str) and found.role not in roles.names:
        raise InvalidField(f"no role {found.role[:64]!r}{near(found.role, roles.names)}", "role")
    for index, scope in enumerate(found.scopes or ()):
        if scope not in SCOPES:
            raise InvalidField(f"no scope {scope[:64]!r}{near(scope, SCOPES)}", f"scopes.{index}")
    for name in ("models", "agents"):
        if getattr(found, name) == ():
            raise InvalidField("an empty list would permit nothing: leave it out, or null, for all", name)
    if isinstance(found.metadata, dict) and len(msgspec.json.encode(found.metadata)) > MAX_METADATA_BYTES:
        raise InvalidField(f"over {MAX_METADATA_BYTES} bytes", "metadata")
    expiry(found.expires_at, now)
    return msgspec.structs.replace(found, allowed_ips=_networks(found.allowed_ips))


def expiry(value: str | float | UnsetType | None, now: float) -> float | UnsetType | None:
    """Unix seconds. Raises InvalidField for what is no time, or none to come."""
    if value is None or value is UNSET:
        return value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise InvalidField("must be a time as 2027-01-31T12:00:00Z, or unix seconds", "expires_at") from None
    if not now < value <= _FAR:
        raise InvalidField("must lie in the future" if value <= now else "lies beyond the year 9999", "expires_at")
    return value


def properties(body: KeyBody, now: float) -> dict[str, Any]:
    """Of a new key: arguments of `storage.issue.new_key`."""
    blank = KeyRecord(key_id="", tenant="", key_hash="", created_at=now)
    made = apply(body, blank, now)
    unused = {"key_id", "tenant", "key_hash", "created_at", "last_used", "status", "revoked_at", "replaced_by", "version", "door"}
    own = {name: getattr(made, name) for name in made.__struct_fields__ if name not in unused}
    return own | {"tenant": body.tenant_id or None}


def apply(body: KeyBody, record: KeyRecord, now: float, *, whole: bool = False) -> KeyRecord:
    """The record with what the body says. `whole`: what it leaves out becomes the default. Raises InvalidField."""
    before = record
    if whole:
        bare = KeyRecord(key_id=record.key_id, tenant=record.tenant, key_hash="", created_at=0.0)
        mutable = ("scopes", "models", "agents", "limits", "expires_at", "allowed_ips", "metadata", *_ROW)
        before = msgspec.structs.replace(record, caps=_monthly(record.caps, None), **{name: getattr(bare, name) for name in mutable})
    changes: dict[str, Any] = {name: value or "" for name in _ROW if (value := getattr(body, name)) is not UNSET}
    changes |= {name: value for name in ("role", "models", "agents") if (value := getattr(body, name)) is not UNSET}
    changes |= {name: value or () for name in ("scopes", "allowed_ips") if (value := getattr(body, name)) is not UNSET}
    if body.metadata is not UNSET:
        changes["metadata"] = body.metadata or {}
    if body.expires_at is not UNSET:
        changes["expires_at"] = expiry(body.expires_at, now)
    if body.limits is not UNSET:
        changes["limits"] = body.limits.over(before.limits) if body.limits is not None else None
    if body.monthly_budget_usd is not UNSET:
        changes["caps"] = _monthly(before.caps, body.monthly_budget_usd)
    return msgspec.structs.replace(before, **changes)


def _monthly(before: Caps | None, usd: float | None) -> Caps | None:
    """Other caps stay."""
    nanos = int((Decimal(str(usd)) * NANOS_PER_USD).to_integral_value()) if usd is not None else None
    found = msgspec.structs.replace(before or Caps(), monthly=nanos)
    return None if found.empty else found


def _networks(written: tuple[str, ...] | UnsetType | None) -> tuple[str, ...] | UnsetType | None:
    if written is None or written is UNSET:
        return written
    found = []
    for index, text in enumerate(written):
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError:
            raise InvalidField(f"{text[:64]!r} is no address or network: 10.0.0.0/8, 2001:db8::1", f"allowed_ips.{index}") from None
        found.append(str(network.network_address) if network.num_addresses == 1 else str(network))
    return tuple(found)


def _fields(path: str) -> tuple[str, ...]:
    return (LimitsBody if path == "limits" else KeyBody).__struct_fields__
