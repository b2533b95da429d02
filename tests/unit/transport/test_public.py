"""Which addresses may be fetched from."""

from ipaddress import ip_address, ip_network

import pytest

from proxy.transport.dial import AddressInfo
from proxy.transport.public import PublicOnly, is_public


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.5.4",
        "192.0.0.8",
        "192.88.99.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:db8::1",
        "2001:2::1",
        "100::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_is_not_globally_reachable_unicast_is_not_public(address: str) -> None:
    """Also where IPv6 wraps it: mapped, compatible, NAT64, 6to4, Teredo."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:0101:0101::", "2a00::1"]
)
def test_the_rest_is_public(address: str) -> None:
    """And what wraps a public address."""
    assert is_public(ip_address(address))


def info(address: str) -> AddressInfo:
    return (2, 1, 6, "", (address, 443))


def test_only_the_public_addresses_of_a_name_are_kept() -> None:
    """A name with both kinds is connected to by its public ones only."""
    assert PublicOnly()([info("10.0.0.1"), info("1.1.1.1"), info("fe80::1%eth0")]) == [info("1.1.1.1")]


def test_a_name_without_any_is_refused() -> None:
    """As if it did not exist."""
    with pytest.raises(OSError, match="not a public address"):
        PublicOnly()([info("10.0.0.1")])


def test_named_networks_are_let_through() -> None:
    """And no others."""
    admit = PublicOnly([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])
    assert admit([info("10.1.2.3"), info("10.2.0.1"), info("fd00::5")]) == [info("10.1.2.3"), info("fd00::5")]
