"""Header and claims."""

from typing import Any

import pytest

from proxy.governance.jwt.judge import judge_claims, judge_header
from proxy.governance.jwt.refusal import TokenRefused
from proxy.settings.jwt import JwtSettings

NOW = 1_800_000_000.0
GOOD = {"iss": "https://i", "sub": "a", "aud": "api", "exp": NOW + 60, "iat": NOW}


def issuer(**more: Any) -> JwtSettings:
    return JwtSettings.model_validate({"issuer": "https://i", "audience": "api", **more})


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_types_that_are_taken(kind: str | None) -> None:
    """In any case, with the prefix that may be left out, or none."""
    header = {"alg": "ES256", "kid": "k"} | ({"typ": kind} if kind else {})
    assert judge_header(header, issuer()) == ("ES256", "k")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({}, "algorithm"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "None"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "rs256"}, "algorithm"),
        ({"alg": ["ES256"]}, "algorithm"),
        ({"alg": None}, "algorithm"),
        ({"alg": "RS256"}, "algorithm"),
        ({"alg": "ES256", "crit": []}, "crit"),
        ({"alg": "ES256", "zip": "DEF"}, "zip"),
        ({"alg": "ES256", "enc": "A128GCM"}, "enc"),
        ({"alg": "ES256", "b64": True}, "b64"),
        ({"alg": "ES256", "kid": 1}, "kid"),
        ({"alg": "ES256", "kid": ""}, "kid"),
        ({"alg": "ES256", "kid": "k" * 257}, "kid"),
        ({"alg": "ES256", "typ": "dpop+jwt"}, "typ"),
        ({"alg": "ES256", "typ": ""}, "typ"),
        ({"alg": "ES256", "typ": 1}, "typ"),
        ({"alg": "ES256", "typ": {}}, "typ"),
    ],
)
def test_headers_that_are_not(header: dict[str, Any], says: str) -> None:
    """Whatever the signature."""
    with pytest.raises(TokenRefused, match=says):
        judge_header(header, issuer(algorithms=["ES256"]))


def test_keys_that_it_brings_along_are_not_looked_at() -> None:
    """Nothing of them gets anywhere."""
    header = {"alg": "ES256", "jwk": {"kty": "oct"}, "jku": "http://x", "x5u": "http://x", "x5c": [1]}
    assert judge_header(header, issuer()) == ("ES256", None)


@pytest.mark.parametrize(
    ("claims", "until"),
    [
        ({}, NOW + 90),
        ({"exp": int(NOW) - 29, "iat": NOW - 60}, NOW + 1),
        ({"nbf": NOW + 30}, NOW + 90),
        ({"iat": NOW + 29.5}, NOW + 90),
        ({"aud": ["other", "api"]}, NOW + 90),
    ],
)
def test_good_ones_and_how_long(claims: dict[str, Any], until: float) -> None:
    """Clocks may differ by the leeway."""
    assert judge_claims({**GOOD, **claims}, issuer(), NOW) == until


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": None}, "`exp` is no time"),
        ({"exp": "1900000000"}, "`exp` is no time"),
        ({"exp": True}, "`exp` is no time"),
        ({"exp": -1}, "`exp` is no time"),
        ({"exp": 1e300}, "`exp` is no time"),
        ({"exp": NOW - 30}, "expired 30 s ago"),
        ({"exp": 0}, "expired"),
        ({"nbf": NOW + 31}, "valid only in 32 s"),
        ({"nbf": "soon"}, "`nbf` is no time"),
        ({"iat": NOW + 31, "exp": NOW + 60}, "32 s in the future"),
        ({"iat": []}, "`iat` is no time"),
        ({"exp": NOW, "iat": NOW + 1}, "expired before"),
        ({"aud": "API"}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": {"api": 1}}, "somebody else"),
        ({"aud": [["api"]]}, "somebody else"),
    ],
)
def test_claims_that_are_not(claims: dict[str, Any], says: str) -> None:
    """Each with what to look at."""
    with pytest.raises(TokenRefused, match=says):
        judge_claims({**GOOD, **claims}, issuer(), NOW)


def test_it_must_expire() -> None:
    """A token for ever cannot be taken back."""
    with pytest.raises(TokenRefused, match="no `exp`"):
        judge_claims({"aud": "api"}, issuer(), NOW)


def test_any_audience_only_when_that_is_said() -> None:
    """With a star; or another claim holds it."""
    assert judge_claims({"exp": NOW + 1}, issuer(audience="*"), NOW)
    assert judge_claims({"exp": NOW + 1, "client_id": "web"}, issuer(audience="web", audience_claim="client_id"), NOW)
    with pytest.raises(TokenRefused, match="client_id"):
        judge_claims({"exp": NOW + 1, "aud": "web"}, issuer(audience="web", audience_claim="client_id"), NOW)


def test_required_claims() -> None:
    """Present, or with one of the values."""
    settings = issuer(required={"token_use": "access", "jti": "", "org.plan": ["pro", "team"]})
    good = {**GOOD, "token_use": "access", "jti": "x", "org": {"plan": "team"}}
    assert judge_claims(good, settings, NOW)
    for bad in ({"token_use": "id"}, {"jti": None}, {"jti": ""}, {"org": {"plan": "free"}}, {"org": "pro"}):
        with pytest.raises(TokenRefused, match="requires"):
            judge_claims({**good, **bad}, settings, NOW)
