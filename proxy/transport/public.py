"""Which addresses a fetch on a client's behalf may reach (contract P): public ones, and networks that the configuration names.

Asked of the addresses that are then connected to, so a name that resolves otherwise the second time (DNS rebinding) gains nothing.
Source: IANA special-purpose address registries (by `ipaddress`), RFC 4291 2.5.5.2, RFC 3056, RFC 4380, RFC 6052, read 2026-11-25.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from proxy.transport.dial import AddressInfo

Network = IPv4Network | IPv6Network
_NAT64 = IPv6Network("64:ff9b::/96")
"""The last 32 bits are the IPv4 address that is reached. The like of a network's own (64:ff9b:1::/48) is reserved, so refused."""
_LOW_32 = 0xFFFF_FFFF

_REFUSED: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
)
"""What the registries call not global and older versions of `ipaddress` do not."""


class PublicOnly:
    """A Dialer's `admit`. `allowed`: networks that may be reached although they are not public."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def __call__(self, infos: list[AddressInfo]) -> list[AddressInfo]:
        """Those that may be connected to. OSError where none may."""
        kept = [info for info in infos if self._may(str(info[4][0]))]
        if not kept:
            raise OSError("not a public address")
        return kept

    def _may(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        return is_public(address) or any(address in network for network in self._allowed)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Globally reachable unicast, whatever it is wrapped in."""
    if isinstance(address, IPv6Address) and (inner := _wrapped(address)) is not None:
        return is_public(inner)
    special = address.is_multicast or address.is_reserved or (isinstance(address, IPv6Address) and address.is_site_local)
    return address.is_global and not special and not any(address in network for network in _REFUSED)


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & _LOW_32)
    return None
