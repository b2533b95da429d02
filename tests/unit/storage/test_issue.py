"""Making keys."""

import msgspec
import pytest

from proxy.core.entities import Caps, Limits
from proxy.core.keys import sha256_hex, verify
from proxy.storage.issue import AGENT_CAPS, new_agent_key, new_key, rotated, signing_secret
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


def test_an_agent_key_has_the_agent_gateway_s_defaults() -> None:
    """Where it has none of its own."""
    key, record = new_agent_key(1.0, limits=Limits(rpm=5))
    assert key.startswith("csa_")
    assert (record.key_hash, record.door, record.tenant) == (sha256_hex(key), "agent", record.key_id)
    assert (record.limits, record.caps) == (Limits(rpm=5, input_tpm=500_000, output_tpm=500_000), AGENT_CAPS)
    assert new_agent_key(1.0, caps=Caps(daily=1))[1].caps == Caps(daily=1)


@pytest.mark.parametrize("tenant", [None, "acme"])
def test_a_rotated_record_keeps_the_rights(tenant: str | None) -> None:
    """A key that was its own tenant stays one."""
    _, old = new_key(b"s" * 32, 1.0, tenant=tenant, models=("m",), limits=Limits(rpm=5))
    old = msgspec.structs.replace(old, last_used=5.0, version=7)
    _, fresh = new_key(b"s" * 32, 2.0)
    made = rotated(old, fresh)
    assert (made.key_id, made.key_hash, made.created_at, made.version, made.last_used) == (fresh.key_id, fresh.key_hash, 2.0, 1, None)
    assert (made.models, made.limits, made.tenant) == (("m",), Limits(rpm=5), tenant or fresh.key_id)
