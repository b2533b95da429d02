"""TLS contexts; handshakes are in the contract suite."""

import ssl
from pathlib import Path

import pytest
import trustme

from proxy.transport.tls import client_context, system_context


def test_default_is_strict() -> None:
    """Certificates and names are checked, TLS 1.2 is the least."""
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_default_is_shared() -> None:
    """Those who ask for nothing else share one; a context of one's own is new each time, since files are renewed."""
    assert system_context() is system_context()
    assert client_context() is not client_context()


def test_own_authority_replaces_the_systems(tmp_path: Path) -> None:
    """With ca_file only its authorities count."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert len(client_context(ca_file=str(tmp_path / "ca.pem")).get_ca_certs()) == 1


def test_missing_files_are_named(tmp_path: Path) -> None:
    """A file that is missing or no PEM is a ValueError with its path."""
    (tmp_path / "not.pem").write_text("no certificate")
    for name in ("none.pem", "not.pem"):
        with pytest.raises(ValueError, match=f"ca_file.*{name}"):
            client_context(ca_file=str(tmp_path / name))
        with pytest.raises(ValueError, match=f"client_cert.*{name}"):
            client_context(client_cert=str(tmp_path / name))
