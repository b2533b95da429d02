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
