"""The life of API keys: made, changed, rotated, ended. The admin API and the command line both go through here, so that every change
is checked, stored once, told to every process, and leaves an event.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from proxy.admin.answer import check_version
from proxy.admin.events import AdminEvent, AdminEvents
from proxy.core.clock import Clock
from proxy.core.errors import Conflict, Forbidden, InvalidField, NotFound
from proxy.core.identity import Principal, Roles
from proxy.governance.key_notices import KeyNotices
from proxy.storage.issue import new_agent_key, new_key, rotated
from proxy.storage.records import KeyRecord, KeyRecords

TRIES = 5
"""Of a change that others get in the way of."""
MAX_OVERLAP_S = 90 * 86_400
_SILENT = frozenset({"key_hash", "metadata", "version", "last_used"})
"""Fields whose values no event carries."""

Edit = Callable[[KeyRecord], KeyRecord]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    key_id: str
    tenant: str | None = None
    """The one tenant that it administers; None: all."""
    principal: Principal | None = None
    """None: whoever has the record store at hand."""
    trace_id: str = ""

    def may_see(self, record: KeyRecord) -> bool:
        return self.tenant is None or record.tenant == self.tenant


class KeyService:
    def __init__(self, records: KeyRecords, clock: Clock, notices: KeyNotices, events: AdminEvents, roles: Roles) -> None:
        self._records = records
        self._clock = clock
        self._notices = notices
        self._events = events
        self._roles = roles

    async def get(self, actor: Actor, key_id: str) -> KeyRecord:
        """Raises NotFound, for another tenant's too."""
        record = await self._records.get(key_id)
        if record is None or not actor.may_see(record):
            raise no_key(key_id)
        return record

    async def create(self, actor: Actor, key: str, record: KeyRecord, *, announce: bool = False) -> str:
        """Stores what was made; the key. `announce`: it is in use already, so that gateways may know it as unknown. Raises KeyExists,
        Forbidden."""
        self._check_grant(actor, record)
        await self._records.create(record)
        if announce:
            self._notices.changed(record.key_id, record.version)
        self._emit("api_key.created", record, actor, _facts(record))
        return key

    async def change(self, actor: Actor, key_id: str, edit: Edit, *, expected: int | None = None, action: str = "updated") -> KeyRecord:
        """`edit` gets the record as stored and gives it as wanted; one that changes nothing leaves no trace. Raises NotFound,
        VersionConflict, Conflict, and what `edit` raises."""
        for _ in range(TRIES):
            before = await self.get(actor, key_id)
            check_version(expected, before.version)
            wanted = edit(before)
            if wanted == before:
                return before
            self._check_grant(actor, wanted, before)
            wanted = msgspec.structs.replace(wanted, version=before.version + 1)
            if await self._records.replace(wanted, before.version):
                self._notices.changed(key_id, wanted.version)
                self._emit(f"api_key.{action}", wanted, actor, _difference(before, wanted))
                return wanted
        raise Conflict(f"API key {key_id} is being changed by others all the time: send it again", code="changed_meanwhile", retryable=True)

    async def revoke(self, actor: Actor, key_id: str, *, expected: int | None = None) -> KeyRecord:
        """For good. Again: nothing changes."""
        now = self._clock.time()

        def edit(record: KeyRecord) -> KeyRecord:
            if record.status == "revoked":
                return record
            return msgspec.structs.replace(record, status="revoked", revoked_at=now)

        return await self.change(actor, key_id, edit, expected=expected, action="revoked")

    async def disable(self, actor: Actor, key_id: str, *, expected: int | None = None) -> KeyRecord:
        """Until it is enabled again."""
        return await self.change(actor, key_id, _to("disabled"), expected=expected, action="disabled")

    async def enable(self, actor: Actor, key_id: str, *, expected: int | None = None) -> KeyRecord:
        return await self.change(actor, key_id, _to("active"), expected=expected, action="enabled")

    async def rotate(
        self,
        actor: Actor,
        key_id: str,
        secret: bytes,
        *,
        overlap_s: float = 0.0,
        expected: int | None = None,
        random: bytes | None = None,
    ) -> tuple[str, KeyRecord]:
        """A new key of the same rights. The old one ends at once, or in `overlap_s` seconds. Raises Conflict for a key that isn't live."""
        now = self._clock.time()
        old = await self.get(actor, key_id)
        check_version(expected, old.version)
        _check_rotatable(old, now)
        if old.door == "agent":
            key, fresh = new_agent_key(now, random=random)
        else:
            key, fresh = new_key(secret, now, random=random)
        made = rotated(old, fresh)
        self._check_grant(actor, made, old)
        await self._records.create(made)

        def edit(record: KeyRecord) -> KeyRecord:
            _check_rotatable(record, now)
            if overlap_s <= 0:
                return msgspec.structs.replace(record, status="revoked", revoked_at=now, replaced_by=made.key_id)
            ends = min(now + overlap_s, record.expires_at if record.expires_at is not None else now + overlap_s)
            return msgspec.structs.replace(record, expires_at=ends, replaced_by=made.key_id)

        try:
            await self.change(actor, key_id, edit, expected=expected, action="rotated")
        except BaseException:
            await self._records.set_status(made.key_id, "revoked")
            raise
        self._emit("api_key.created", made, actor, _facts(made) | {"replaces": key_id})
        return key, made

    def _check_grant(self, actor: Actor, record: KeyRecord, before: KeyRecord | None = None) -> None:
        """Nobody gives what it does not have itself, and a tenant's administrator nothing to another tenant. Raises Forbidden."""
        if actor.tenant is not None and record.tenant != actor.tenant:
            raise Forbidden("This key administers one tenant only: leave tenant_id out, or give that tenant's", code="tenant_admin")
        if actor.principal is None or (before is not None and (before.role, before.scopes) == (record.role, record.scopes)):
            return
        wanted = self._roles.scopes(record.role) | self._roles.beside(record.role, record.scopes)
        if record.role == "admin":
            wanted -= {"provider_objects"} - set(record.scopes)
        lacking = sorted(scope for scope in wanted if not actor.principal.has_scope(scope))
        if lacking:
            raise Forbidden(f"This key cannot grant what it does not have: {', '.join(lacking)}", code="scope_required", param="scopes")

    def _emit(self, action: str, record: KeyRecord, actor: Actor, changes: dict[str, Any]) -> None:
        self._events.emit(
            AdminEvent(
                action=action,
                subject=record.key_id,
                tenant=record.tenant,
                actor=actor.key_id,
                at=self._clock.time(),
                trace_id=actor.trace_id,
                changes=changes,
            )
        )


def no_key(key_id: str) -> NotFound:
    return NotFound(f"API key {key_id[:128]} not found")


def check_overlap(value: float) -> float:
    """Raises InvalidField."""
    if not 0 <= value <= MAX_OVERLAP_S:
        raise InvalidField(f"must be 0 to {MAX_OVERLAP_S} seconds", "overlap_seconds")
    return value


def _to(status: Any) -> Edit:
    def edit(record: KeyRecord) -> KeyRecord:
        if record.status == "revoked":
            raise Conflict(f"API key {record.key_id} is revoked, for good: create another")
        return msgspec.structs.replace(record, status=status)

    return edit


def _check_rotatable(record: KeyRecord, now: float) -> None:
    if record.status != "active":
        raise Conflict(f"API key {record.key_id} is {record.status}: only a live key is rotated")
    if record.expires_at is not None and record.expires_at <= now:
        raise Conflict(f"API key {record.key_id} has expired: only a live key is rotated")
    if record.replaced_by is not None:
        raise Conflict(f"API key {record.key_id} has been rotated to {record.replaced_by} already: rotate that one")
    if record.key_id.startswith("LEK"):
        raise Conflict(f"API key {record.key_id} is an access key: make another with keys create --aws, then revoke this one")


def _facts(record: KeyRecord) -> dict[str, Any]:
    blank = KeyRecord(key_id="", tenant="", key_hash="", created_at=0.0)
    return _difference(blank, record) | {"role": record.role}


def _difference(before: KeyRecord, after: KeyRecord) -> dict[str, Any]:
    changed = {name: value for name in after.__struct_fields__ if (value := getattr(after, name)) != getattr(before, name)}
    return {name: None if name in _SILENT else msgspec.to_builtins(value) for name, value in changed.items() if name != "version"}
