"""From claims to a principal."""

from typing import Any

import pytest

from proxy.core.identity import Principal, Roles
from proxy.governance.jwt.identity import Mapping
from proxy.governance.jwt.refusal import TokenRefused
from proxy.settings.jwt import JwtSettings


def principal(token: dict[str, Any], own: Roles | None = None, /, **more: Any) -> Principal:
    settings = JwtSettings.model_validate({"issuer": "https://i", "audience": "api", **more})
    return (Mapping(settings, own) if own else Mapping(settings)).principal(token)


def test_a_user() -> None:
    """By `sub`; its own tenant; a name for logs that does not tell it."""
    found = principal({"sub": "ada@acme.example"})
    assert (found.user, found.service, found.role, found.scopes, found.tenant) == (
        "ada@acme.example",
        "",
        "client",
        frozenset(),
        found.key_id,
    )
    assert found.key_id.startswith("jwt_")
    assert "ada" not in found.key_id
    assert principal({"sub": "ada@acme.example"}).key_id == found.key_id
    assert principal({"sub": "ada@acme.example"}, issuer="https://j").key_id != found.key_id


@pytest.mark.parametrize(
    ("claims", "service"),
    [
        ({"sub": "svc", "client_id": "svc"}, "svc"),
        ({"sub": "svc", "azp": "svc"}, "svc"),
        ({"client_id": "listed"}, "listed"),
        ({"sub": "anything", "client_id": "listed"}, "listed"),
        ({"sub": "ada", "client_id": "web"}, ""),
    ],
)
def test_a_service(claims: dict[str, Any], service: str) -> None:
    """A client by itself (RFC 9068: `sub` is its id), or one that is listed."""
    found = principal(claims, services={"listed": []})
    assert found.service == service
    assert bool(found.user) is not bool(service)


def test_a_user_and_a_service_of_one_name_are_two() -> None:
    """Their counters, too."""
    assert principal({"sub": "a"}).key_id != principal({"sub": "a", "client_id": "a"}).key_id


def test_everything_mapped() -> None:
    """From where the issuer has it."""
    claims = {
        "user": "tenant", "email": "ada@x", "custom:tenant": "acme", "org": {"team": "research", "project": "apollo"},
        "models": ["smart", "fast"], "agents": "a b", "app": "web",
    }  # fmt: skip
    found = principal(
        claims,
        claims={
            "user": "email", "tenant": "custom:tenant", "team": "org.team", "project": "org.project", "models": "models",
            "agents": "agents", "client": "app",
        },
        services={"web": ["a", "*"]},
    )  # fmt: skip
    assert (found.tenant, found.service, found.team, found.project) == ("acme", "web", "research", "apollo")
    assert (found.models, found.agents) == (frozenset({"smart", "fast"}), frozenset({"a", "b"}))
    assert found.scopes == {"act_as:a", "act_as"}
    assert principal({"email": "ada@x", "svc": "s"}, claims={"user": "email", "service": "svc"}).service == "s"
    assert principal({"email": "ada@x"}, claims={"user": "email", "service": "svc"}).user == "ada@x"


def test_a_list_that_is_mapped_and_missing_allows_nothing() -> None:
    """Not everything."""
    found = principal({"sub": "a"}, claims={"models": "models", "agents": "agents"})
    assert (found.models, found.agents) == (frozenset(), frozenset())


def test_tenants() -> None:
    """Told by a claim, or by the configuration, or refused; an issuer speaks for those alone that it may."""
    mapped = {"claims": {"tenant": "t"}}
    assert principal({"sub": "a", "t": "acme"}, **mapped).tenant == "acme"
    assert principal({"sub": "a"}, **mapped, tenant="rest").tenant == "rest"
    assert principal({"sub": "a"}, tenant="rest").tenant == "rest"
    assert principal({"sub": "a", "t": "acme"}, **mapped, tenants=["acme"]).tenant == "acme"
    with pytest.raises(TokenRefused, match="`t`"):
        principal({"sub": "a"}, **mapped)
    with pytest.raises(TokenRefused, match="may not speak"):
        principal({"sub": "a", "t": "other"}, **mapped, tenants=["acme"])


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "a\0", "{a", "a}", "x" * 257, 7, ["a"], {"a": 1}, True])
def test_what_is_no_id(value: Any) -> None:
    """Names of counters and lines of logs are made of it."""
    with pytest.raises(TokenRefused, match="no id"):
        principal({"sub": "a", "t": value}, claims={"tenant": "t"})


def test_nobody() -> None:
    """A token must be somebody's."""
    with pytest.raises(TokenRefused, match="nobody"):
        principal({"scope": "all"})


def test_roles_by_group_role_or_scope() -> None:
    """The first of the configuration that fits; names with spaces are names."""
    more: dict[str, Any] = {
        "claims": {"groups": "g", "role": "r"},
        "roles": {"Platform Admins": "admin", "dev": "developer", "x": "client"},
    }
    assert principal({"sub": "a", "g": ["x", "dev"]}, **more).role == "developer"
    assert principal({"sub": "a", "g": ["dev", "Platform Admins"]}, **more).role == "admin"
    assert principal({"sub": "a", "r": "Platform Admins"}, **more).role == "admin"
    assert principal({"sub": "a", "scope": "openid dev"}, **more).role == "developer"
    assert principal({"sub": "a", "scp": ["dev"]}, **more).role == "developer"
    assert principal({"sub": "a", "g": {"dev": 1}}, **more).role == "client"
    assert principal({"sub": "a", "g": ["admin"], "role": "admin"}, **more).role == "client"
    assert principal({"sub": "a", "scope": "dev", "s": "x"}, claims={"scopes": "s"}, roles=more["roles"]).role == "client"


def test_an_administrator_of_the_gateway_belongs_to_no_tenant() -> None:
    """`admin` is one of the token's tenant."""
    more: dict[str, Any] = {"claims": {"groups": "g"}, "tenant": "acme", "roles": {"root": "gateway_admin", "ops": "admin"}}
    root, ops = principal({"sub": "a", "g": ["root"]}, **more), principal({"sub": "a", "g": ["ops"]}, **more)
    assert (root.role, root.tenant) == ("admin", root.key_id)
    assert (ops.role, ops.tenant) == ("admin", "acme")


def test_scopes_are_granted_by_the_map_alone() -> None:
    """A scope of our name at the issuer grants nothing by itself."""
    assert principal({"sub": "a", "scope": "admin act_as routing"}).scopes == frozenset()
    assert principal({"sub": "a", "scope": "llm/route x"}, scopes={"llm/route": "routing"}).scopes == {"routing"}


def test_roles_of_one_s_own() -> None:
    """Their scopes are the principal's."""
    roles = Roles({"auditor": ["admin_read"]})
    found = principal({"sub": "a", "g": "audit"}, roles, claims={"groups": "g"}, roles={"audit": "auditor"})
    assert (found.role, found.has_scope("admin_read"), found.has_scope("models:openai")) == ("auditor", True, False)
