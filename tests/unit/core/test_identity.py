"""Who is calling."""

import pytest

from proxy.core.identity import ANONYMOUS, BUILT_IN_ROLES, PROVIDER_OBJECTS, SCOPES, Principal, Roles, expand, in_networks


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
    assert Principal(key_id="k", tenant="k", role=role, scopes=frozenset(scopes)).has_scope(PROVIDER_OBJECTS) is has


def test_without_authentication_everybody_has_all() -> None:
    """There are no tenants to keep apart."""
    assert ANONYMOUS.has_scope(PROVIDER_OBJECTS)


@pytest.mark.parametrize(("role", "scopes"), [("admin", ()), ("boss", ("admin",))])
def test_a_tenant_s_administrator_shares_no_provider_account(role: str, scopes: tuple[str, ...]) -> None:
    """What is in it belongs to all tenants: the scope is granted by name, or not at all; everything else it has."""
    own = Roles({"boss": scopes})
    principal = Principal(key_id="k", tenant="acme", role=role, scopes=own.beside(role))
    assert not principal.has_scope(PROVIDER_OBJECTS)
    assert all(principal.has_scope(scope) for scope in SCOPES if scope != PROVIDER_OBJECTS)
    assert principal.is_admin
    granted = Principal(key_id="k", tenant="acme", role=role, scopes=own.beside(role, (PROVIDER_OBJECTS,)))
    assert granted.has_scope(PROVIDER_OBJECTS)


def test_models_is_every_family_s() -> None:
    """And one family's is that one's alone."""
    assert "models:gemini" in expand(["models"])
    assert expand(["models:gemini"]) == {"models:gemini"}


def test_roles_of_the_configuration() -> None:
    """Stand beside the built-in ones and never in their place; one that is gone allows nothing."""
    roles = Roles({"auditor": ("admin_read",), "client": ("admin",)})
    assert roles.names == ("admin", "auditor", "client", "developer")
    assert roles.scopes("client") == BUILT_IN_ROLES["client"]
    assert roles.beside("auditor", ("usage",)) == {"admin_read", "usage"}
    assert roles.beside("client", ("routing",)) == {"routing"}
    assert roles.beside("gone") == frozenset()


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("10.0.0.1", "2001:db8::/32"), "2001:db8::7", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0",), "", False),
        (("0.0.0.0/0",), "testclient", False),
    ],
)
def test_networks(networks: tuple[str, ...], address: str, inside: bool) -> None:
    """An IPv4 address in IPv6's clothes is what it is; what is no address is nowhere."""
    assert in_networks(networks, address) is inside


def test_agents_on_the_list() -> None:
    """None: all, as `*`."""
    assert Principal(key_id="k", tenant="t").may_call("x")
    assert Principal(key_id="k", tenant="t", agents=frozenset({"*"})).may_call("x")
    assert not Principal(key_id="k", tenant="t", agents=frozenset({"y"})).may_call("x")
