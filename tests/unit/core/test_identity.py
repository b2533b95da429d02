"""Who is calling."""

import pytest

from proxy.core.identity import ANONYMOUS, PROVIDER_OBJECTS, Principal


@pytest.mark.parametrize(
    ("role", "scopes", "has"),
    [
        ("client", (), False),
        ("developer", (), False),
        ("client", ("other",), False),
        ("client", (PROVIDER_OBJECTS,), True),
        ("admin", (), True),
    ],
)
def test_who_has_a_scope(role: str, scopes: tuple[str, ...], has: bool) -> None:
    """Whose key says so, and administrators."""
    assert Principal(key_id="k", tenant="t", role=role, scopes=frozenset(scopes)).has_scope(PROVIDER_OBJECTS) is has


def test_without_authentication_everybody_has_all() -> None:
    """There are no tenants to keep apart."""
    assert ANONYMOUS.has_scope(PROVIDER_OBJECTS)
