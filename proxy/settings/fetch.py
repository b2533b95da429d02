"""`fetch`: URLs in requests whose provider wants bytes."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import Field, field_validator

from proxy.settings.base import Count, Positive, Section, Strings

_MAX_PORT = 65_535


class FetchSettings(Section):
    """Images and documents that a client names by URL, where the provider cannot fetch them itself. The gateway connects to public
    addresses only, and judges the address that it connects to, after each redirect anew."""

    enabled: bool = Field(True, description="Off: such a part is dropped and reported, or 422 in strict mode.")
    max_mb: Positive = Field(20, description="Cap of one file, in MiB.")
    max_urls: Count = Field(20, description="How many URLs of one request are fetched; more is 400.")
    timeout_s: Positive = Field(10, description="For one URL with its redirects, in seconds.")
    ports: Strings = Field(("80", "443"), description="TCP ports that are fetched from.")
    allow: Strings = Field((), description="Networks that may be reached though their addresses are not public (`10.1.0.0/16`).")

    @field_validator("ports", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return [str(item) for item in value] if isinstance(value, list | tuple) else value

    @field_validator("ports")
    @classmethod
    def _ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(item.isascii() and item.isdigit() and 0 < int(item) <= _MAX_PORT for item in value):
            raise ValueError("each must be a TCP port")
        return value

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                ip_network(item)
            except ValueError as exc:
                raise ValueError("each must be an IP address or a CIDR range without host bits") from exc
        return value

    @property
    def allowed(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(item) for item in self.allow)

    @property
    def port_numbers(self) -> frozenset[int]:
        return frozenset(int(item) for item in self.ports)
