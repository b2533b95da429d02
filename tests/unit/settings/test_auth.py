"""Credentials of callers."""

import pytest
from pydantic import ValidationError

from proxy.settings.auth import AuthSettings


@pytest.mark.parametrize("secret", ["change-me-to-strong-secret", "x" * 31, ""])
def test_weak_signing_secrets_are_refused(secret: str) -> None:
    """Signatures would be guessable."""
    with pytest.raises(ValidationError, match="openssl rand"):
        AuthSettings.model_validate({"signing_secret": secret})


def test_length_counts_in_bytes() -> None:
    """Sixteen two-byte characters are 32 bytes."""
    assert AuthSettings.model_validate({"signing_secret": "é" * 16}).signing_secret is not None
    assert AuthSettings.model_validate({"signing_secret": None}).signing_secret is None


def test_the_secret_before_is_as_strong() -> None:
    """A weak one would let keys be forged just as well."""
    with pytest.raises(ValidationError, match="openssl rand"):
        AuthSettings.model_validate({"previous_signing_secret": "short"})


def test_roles_of_one_s_own() -> None:
    """Scopes as a list or as words."""
    auth = AuthSettings.model_validate({"roles": {"auditor": {"scopes": ["admin_read", "usage"]}, "bot": {"scopes": "models:openai"}}})
    assert {name: role.scopes for name, role in auth.roles.items()} == {"auditor": ("admin_read", "usage"), "bot": ("models:openai",)}


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"admin": {"scopes": []}}, "built in"),
        ({"9 lives": {"scopes": []}}, "a letter"),
        ({"a": {"scopes": ["admin_reed"]}}, 'did you mean "admin_read"'),
        ({"a": {}}, "Field required"),
    ],
)
def test_roles_that_make_no_sense(roles: dict[str, object], says: str) -> None:
    """Refused, with the nearest scope."""
    with pytest.raises(ValidationError, match=says):
        AuthSettings.model_validate({"roles": roles})


def test_static_scopes_are_known_ones() -> None:
    """A misspelt one would silently grant nothing."""
    with pytest.raises(ValidationError, match='did you mean "routing"'):
        AuthSettings.model_validate({"static_scopes": "rooting"})
