"""Keys as they are shown."""

from proxy.admin.key_views import listed, naive_iso, whole
from proxy.core.entities import Caps
from proxy.storage.records import KeyRecord


def test_agenthub_s_times_are_naive_and_ours_are_not() -> None:
    """The same second, told in two ways."""
    record = KeyRecord(key_id="k", tenant="t", key_hash="h", created_at=0.0, expires_at=0.5, last_used=1.5, caps=Caps(daily=5))
    shown = whole(record)
    assert (shown["created_at"], shown["last_used"]) == ("1970-01-01T00:00:00", "1970-01-01T00:00:01.500000")
    assert (shown["expires_at"], shown["revoked_at"]) == ("1970-01-01T00:00:00.500Z", "")
    assert shown["monthly_budget_usd"] is None
    assert listed(record).items() <= shown.items()
    assert naive_iso(0.25) == "1970-01-01T00:00:00.250000"
