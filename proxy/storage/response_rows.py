"""ResponseRecord ↔ a row of table `responses`, the same for every SQL store."""

from datetime import datetime
from typing import Any

import msgspec

from proxy.core.clock import utc_iso
from proxy.core.errors import Unavailable
from proxy.storage.responses import ResponseRecord

NAMES = (
    "tenant", "response_id", "key_id", "asked", "provider", "model", "account", "at_provider", "created_at", "expires_at", "kept",
)  # fmt: skip


def to_row(record: ResponseRecord) -> tuple[Any, ...]:
    """In the order of NAMES."""
    return (
        record.tenant,
        record.response_id,
        record.key_id,
        record.asked,
        record.provider,
        record.model,
        record.account,
        record.at_provider,
        utc_iso(record.created_at),
        utc_iso(record.expires_at),
        record.kept,
    )


def from_row(row: tuple[Any, ...]) -> ResponseRecord:
    """Raises Unavailable for a row that no release of ours wrote."""
    fields = dict(zip(NAMES, row, strict=True))
    try:
        for name in ("created_at", "expires_at"):
            fields[name] = datetime.fromisoformat(fields[name]).timestamp()
        fields["at_provider"] = bool(fields["at_provider"])
        return msgspec.convert(fields, ResponseRecord)
    except (msgspec.MsgspecError, ValueError, TypeError) as exc:
        raise Unavailable(f"response {fields['response_id']} is unreadable: {exc}") from exc
