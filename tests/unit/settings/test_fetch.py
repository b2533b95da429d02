"""`fetch`."""

from ipaddress import ip_network

import pytest

from proxy.settings import Settings
from proxy.settings.errors import SettingsError


def test_public_web_servers_are_the_default() -> None:
    """On the usual ports, and no network besides."""
    fetch = Settings.of(demo=True).fetch
    assert (fetch.enabled, fetch.port_numbers, fetch.allowed) == (True, frozenset({80, 443}), ())


def test_networks_and_ports_are_read() -> None:
    """As lists, or as comma lists of an environment variable."""
    fetch = Settings.of(demo=True, fetch={"allow": "10.0.0.0/8, fd00::/8", "ports": "80,8080"}).fetch
    assert (fetch.allowed, fetch.port_numbers) == ((ip_network("10.0.0.0/8"), ip_network("fd00::/8")), frozenset({80, 8080}))


@pytest.mark.parametrize(
    "wrong", [{"allow": ["10.0.0.1/8"]}, {"ports": [70000]}, {"ports": ["a"]}, {"max_mb": 0}, {"max_urls": 0}, {"max_url": 3}]
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    """A network with host bits, a port out of range, a cap of nothing, an unknown name."""
    with pytest.raises(SettingsError, match="fetch"):
        Settings.of(demo=True, fetch=wrong)
