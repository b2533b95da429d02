"""W's environment names of a Cognito user pool."""

from pathlib import Path

import pytest

from proxy.settings import Settings, SettingsError, load_settings

NAMES = {
    "OPENAI_API_KEY": "k",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "COGNITO_USER_POOL_ID": "eu-west-1_AbC",
    "COGNITO_USER_CLIENT_ID": "users",
    "COGNITO_M2M_CLIENT_ID": "machine",
}


def load(path: Path | None = None, **environ: str) -> Settings:
    return load_settings(None if path is None else str(path), environ={**NAMES, **environ}, dotenv=None)


def test_they_make_an_issuer() -> None:
    """Access tokens of both clients, RS256, in W's tenant."""
    (issuer,) = load().auth.jwt
    assert issuer.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC"
    assert issuer.jwks_url == f"{issuer.issuer}/.well-known/jwks.json"
    assert (issuer.audience, issuer.audience_claim, issuer.algorithms) == (("users", "machine"), "client_id", ("RS256",))
    assert (issuer.tenant, issuer.services, issuer.required) == ("SYSTEM", {"machine": ()}, {"token_use": ("access",)})
    assert issuer.roles == {"super_admin": "admin", "platform_admin": "admin", "platform_user": "client"}
    assert load().auth.local_user is None


def test_services_that_may_be_named() -> None:
    """A comma list."""
    (issuer,) = load(COGNITO_M2M_SERVICE_IDS="billing, search").auth.jwt
    assert issuer.services == {"machine": ("billing", "search")}


def test_without_a_pool_nothing() -> None:
    """Nor without a region: the pool's own is in its id."""
    assert load(COGNITO_USER_POOL_ID="").auth.jwt == ()
    assert "eu-west-1" in load(AWS_DEFAULT_REGION="").auth.jwt[0].issuer


def test_without_a_client_it_is_a_mistake() -> None:
    """Tokens of every client of the pool would be taken otherwise."""
    with pytest.raises(SettingsError, match=r"COGNITO_USER_POOL_ID: .*names nobody"):
        load(COGNITO_USER_CLIENT_ID="", COGNITO_M2M_CLIENT_ID="")


def test_a_file_that_names_issuers_wins(tmp_path: Path) -> None:
    """As with providers."""
    file = tmp_path / "c.yaml"
    file.write_text("auth: {jwt: [{issuer: 'https://i.test', audience: a}]}\n")
    assert [issuer.issuer for issuer in load(file).auth.jwt] == ["https://i.test"]


def test_local_mode_is_for_this_machine_alone() -> None:
    """ENVIRONMENT=local lets W's test user in without a token."""
    assert load(ENVIRONMENT="local", HOST="127.0.0.1").auth.local_user == "test-user-123"
    with pytest.raises(SettingsError, match="only on a loopback address"):
        load(ENVIRONMENT="local")
    assert load_settings(environ={"OPENAI_API_KEY": "k", "ENVIRONMENT": "local"}, dotenv=None).auth.local_user is None
