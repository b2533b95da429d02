"""The listening side's fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings.server import ServerSettings


@pytest.mark.parametrize(
    "fields",
    [
        {"port": 65536},
        {"port": -1},
        {"host": ""},
        {"workers": 0},
        {"workers": 257},
        {"max_body_mb": {"models": 0}},
        {"max_response_mb": -1},
        {"grace_s": -1},
        {"header_timeout_s": 0},
        {"header_timeout_s": "inf"},
        {"max_json_depth": 0},
        {"trusted_proxies": ["10.0.0.0/99"]},
        {"trusted_proxies": ["proxy.example.com"]},
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, Any]) -> None:
    """Ports, sizes, times, networks."""
    with pytest.raises(ValidationError):
        ServerSettings.model_validate(fields)


def test_trusted_proxies_are_addresses_or_ranges() -> None:
    """A comma list will do."""
    assert ServerSettings.model_validate({"trusted_proxies": "10.0.0.1, fd00::/8"}).trusted_proxies == ("10.0.0.1", "fd00::/8")


@pytest.mark.parametrize(("host", "loopback"), [("localhost", True), ("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("gw", False)])
def test_loopback_is_recognised(host: str, loopback: bool) -> None:
    """A name that isn't `localhost` may resolve to anything."""
    assert ServerSettings(host=host).loopback is loopback
