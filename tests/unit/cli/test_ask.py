"""Where a running gateway is."""

import argparse
from pathlib import Path

import pytest
import trustme

from proxy.cli.ask import ask, gateway_url
from proxy.core.errors import Unavailable
from proxy.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"host": "::", "port": 1}, "http://[::1]:1"),
        ({"host": "gw"}, "http://gw:8080"),
        ({"tls": {"cert": __file__, "key": __file__}}, "https://127.0.0.1:8080"),
        ({"tls": {"cert": __file__, "key": __file__, "enabled": False}}, "http://127.0.0.1:8080"),
    ],
)
def test_the_url_follows_the_configuration(server: dict[str, object], url: str) -> None:
    """An address that means all is reached by loopback."""
    assert gateway_url(Settings.of(providers={"echo": {"kind": "echo"}}, server=server)) == url


@pytest.mark.parametrize("url", ["ftp://h", "h:1", "http://u:p@h"])
def test_other_urls_are_refused(url: str) -> None:
    """Only http(s), without credentials."""
    with pytest.raises(SettingsError, match="--url"):
        ask(argparse.Namespace(url=url, timeout_s=1.0, ca_file=None, config=None), "/health")


def test_https_trusts_the_given_authority(tmp_path: Path) -> None:
    """And a server that doesn't speak TLS is no answer."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    arguments = argparse.Namespace(url="https://127.0.0.1:1", timeout_s=1.0, ca_file=str(tmp_path / "ca.pem"), config=None)
    with pytest.raises(Unavailable, match=r"no answer from https://127\.0\.0\.1:1"):
        ask(arguments, "/health")
