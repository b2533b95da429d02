"""Who administers the whole gateway."""

import pytest

from proxy.admin.access import is_global
from proxy.core.identity import ANONYMOUS, Principal
from proxy.storage.issue import new_access_key, new_key


def test_a_key_without_a_tenant_is_the_gateway_s() -> None:
    """However it was made: signed, as an access key, or none at all where authentication is off."""
    _, signed = new_key(b"s" * 32, 0.0, role="admin")
    _, _, access = new_access_key(b"s" * 32, 0.0, role="admin")
    for record in (signed, access):
        assert is_global(Principal(key_id=record.key_id, tenant=record.tenant, role="admin"))
    assert is_global(ANONYMOUS)


@pytest.mark.parametrize("tenant", ["t", "", "lek_other"])
def test_a_key_with_a_tenant_is_not(tenant: str) -> None:
    """Whatever the tenant's name."""
    assert not is_global(Principal(key_id="lek_a", tenant=tenant, role="admin"))
