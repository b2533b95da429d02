"""Plan ↔ a row of table `plans`, the same for every SQL store: times as text, what a plan says as one JSON document."""

from datetime import datetime
from typing import Any

import msgspec

from proxy.core.clock import utc_iso
from proxy.core.errors import Unavailable
from proxy.storage.plans import Plan

NAMES = ("tenant", "entity_type", "entity_id", "usage_id", "active", "created_at", "version", "document")
_DOCUMENT = ("model_permissions", "default_limits", "model_limits", "caps", "budget_id", "metadata")

_json = msgspec.json.Encoder()


def to_row(plan: Plan) -> tuple[Any, ...]:
    """In the order of NAMES."""
    document = {name: getattr(plan, name) for name in _DOCUMENT}
    return (
        plan.tenant,
        plan.entity_type,
        plan.entity_id,
        plan.usage_id,
        plan.active,
        utc_iso(plan.created_at),
        plan.version,
        _json.encode(document).decode(),
    )


def from_row(row: tuple[Any, ...]) -> Plan:
    """Raises Unavailable for a row that no release of ours wrote: an unreadable plan is not a missing one."""
    fields = dict(zip(NAMES, row, strict=True))
    try:
        fields["created_at"] = datetime.fromisoformat(fields["created_at"]).timestamp()
        fields["active"] = bool(fields["active"])
        document = msgspec.json.decode(fields.pop("document"), type=dict[str, Any])
        return msgspec.convert(fields | document, Plan)
    except (msgspec.MsgspecError, ValueError, TypeError) as exc:
        raise Unavailable(f"plan {fields['usage_id']} is unreadable: {exc}") from exc
