"""From settings."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.jwt.keyset import KeySet, PublicKey
from proxy.governance.jwt.open import local_user, open_tokens
from proxy.governance.jwt.tokens import Tokens
from proxy.settings.auth import AuthSettings

ISSUER = {"issuer": "https://i.test", "audience": "api"}


def opened(old: Tokens | None = None, enabled: bool = True, **more: Any) -> Tokens | None:
    auth = AuthSettings.model_validate({"enabled": enabled, "jwt": [{**ISSUER, **more}]})
    return open_tokens(auth, SystemClock(), TaskSupervisor(), old)


def test_none_where_there_is_nothing_to_verify() -> None:
    """No issuers, or authentication off."""
    assert open_tokens(AuthSettings(), SystemClock(), TaskSupervisor()) is None
    assert opened(enabled=False) is None


def test_keys_are_taken_over() -> None:
    """By the same issuer at the same place, whatever else changed."""
    first = opened()
    assert first is not None
    first.issuers["https://i.test"].jwks.keys = KeySet([PublicKey("k", ("ES256",), "m", None)])
    again, moved = opened(first, leeway_s=1), opened(first, jwks_url="https://elsewhere.test/jwks")
    assert again is not None
    assert moved is not None
    assert len(again.issuers["https://i.test"].jwks.keys) == 1
    assert len(moved.issuers["https://i.test"].jwks.keys) == 0


def test_authorities_of_its_own(tmp_path: Path) -> None:
    """A bundle that is none is a mistake of the configuration."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert opened(ca_file=str(tmp_path / "ca.pem")) is not None
    (tmp_path / "bad.pem").write_text("x")
    with pytest.raises(ValueError, match="ca_file"):
        opened(ca_file=str(tmp_path / "bad.pem"))


def test_w_s_local_user() -> None:
    """A client of W's own tenant."""
    assert local_user(AuthSettings()) is None
    found = local_user(AuthSettings(local_user="test-user-123"))
    assert found is not None
    assert (found.user, found.tenant, found.role) == ("test-user-123", "SYSTEM", "client")
