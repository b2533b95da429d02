"""Mistakes in `auth.jwt` that no single field shows."""

import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import Settings, SettingsError

GOOD = {"issuer": "https://i.test", "audience": "api"}


def load(*issuers: dict[str, Any], **more: Any) -> Settings:
    return Settings.of(providers={"echo": {"kind": "echo"}}, **{"auth": {"jwt": list(issuers)}, **more})


def broken(*issuers: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(*issuers, **more)
    return [str(problem) for problem in caught.value.problems]


def test_the_least() -> None:
    """An issuer and an audience; algorithms with public keys only."""
    (issuer,) = load(GOOD).auth.jwt
    assert issuer.audience == ("api",)
    assert not [name for name in issuer.algorithms if name.startswith(("HS", "none"))]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"audience": None}, "audience"),
        ({"audience": []}, "audience"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"claims": {"tennant": "t"}}, "claims"),
        ({"scopes": {"x": "act_ass"}}, 'did you mean "act_as"'),
        ({"roles": {"ops": "amdin"}}, 'unknown role amdin; did you mean "admin"'),
        ({"issuer": "tokens"}, "is no URL"),
        ({"issuer": "http://i.test"}, "auth.jwt[0].issuer: is http://"),
        ({"jwks_url": "http://10.0.0.1/jwks"}, "auth.jwt[0].jwks_url: is http://"),
        ({"jwks_url": "https://user:pass@i.test/jwks"}, "jwks_url"),
        ({"ca_file": "/nowhere/ca.pem"}, "no file /nowhere/ca.pem"),
        ({"leeway_s": 3600}, "leeway_s"),
        ({"claims": {"tenant": "t"}, "tenant": "a", "tenants": ["b"]}, "is not one of `tenants`"),
    ],
)
def test_mistakes(change: dict[str, Any], says: str) -> None:
    """Each with its place."""
    assert any(says in text for text in broken({**GOOD, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://127.0.0.1:8080/realm"},
        {"issuer": "http://localhost:8080"},
        {"issuer": "http://keycloak:8080", "allow_http": True},
        {"issuer": "tokens", "jwks_url": "https://i.test/jwks"},
        {"roles": {"a": "gateway_admin", "b": "developer"}},
        {"required": {"token_use": "access"}},
    ],
)
def test_what_is_fine(change: dict[str, Any]) -> None:
    """Without TLS on this machine, or when somebody says so."""
    assert load({**GOOD, **change}).auth.jwt


def test_roles_of_one_s_own_are_known() -> None:
    """Those of `auth.roles`."""
    auth = {"roles": {"auditor": {"scopes": "admin_read"}}, "jwt": [{**GOOD, "roles": {"audit": "auditor"}}]}
    assert load(auth=auth).auth.jwt


def test_an_issuer_has_one_entry() -> None:
    """Which of two would judge?"""
    assert "given twice" in broken(GOOD, GOOD)[0]


@pytest.mark.parametrize("module", ["jwt", "cryptography"])
def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """The message is the command to run; without issuers nobody needs it."""
    monkeypatch.setitem(sys.modules, module, None)
    assert broken(GOOD) == ["argument: auth.jwt: needs the extra: pip install 'llm-edge[oidc]'"]
    assert load().auth.jwt == ()


def test_a_local_user_stays_local(tmp_path: Path) -> None:
    """On loopback, or when somebody says --insecure."""
    auth = {"local_user": "u"}
    assert load(auth=auth, server={"host": "127.0.0.1"}).auth.local_user == "u"
    assert load(auth=auth, insecure=True).auth.local_user == "u"
    assert "set HOST=127.0.0.1" in broken(auth=auth)[0]
