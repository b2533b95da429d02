"""Making keys."""

from proxy.core.keys import sha256_hex, verify
from proxy.storage.issue import new_key, signing_secret
from proxy.storage.records_memory import MemoryRecords


async def test_the_configured_secret_wins_and_is_not_stored() -> None:
    """The store stays without one."""
    records = MemoryRecords()
    assert await signing_secret(records, "s" * 32) == b"s" * 32
    assert await records.meta("signing_secret") is None


async def test_otherwise_the_store_has_its_own() -> None:
    """Made once, the same for everybody."""
    records = MemoryRecords()
    secret = await signing_secret(records, None)
    assert await signing_secret(records, None) == secret
    assert len(secret) == 64


def test_a_new_key_is_signed_and_its_record_holds_only_the_digest() -> None:
    """Without a tenant it is its own."""
    key, record = new_key(b"s" * 32, 5.0, role="developer", name="n", models=("m",), metadata={"a": 1})
    assert verify(b"s" * 32, key) == record.key_id == record.tenant
    assert record.key_hash == sha256_hex(key)
    assert key not in repr(record)
    assert (record.role, record.name, record.models, record.metadata, record.created_at) == ("developer", "n", ("m",), {"a": 1}, 5.0)


def test_a_tenant_can_be_given() -> None:
    """Keys of one tenant share what is counted there."""
    assert new_key(b"s" * 32, 5.0, tenant="acme")[1].tenant == "acme"
