"""`idempotency`."""

import pytest
from pydantic import ValidationError

from proxy.settings.idempotency import IdempotencySettings


def test_defaults_are_the_contracts() -> None:
    """24 h, 1 MiB, a lease of 30 s."""
    settings = IdempotencySettings()
    assert (settings.enabled, settings.ttl_s, settings.max_kb, settings.lease_s) == (True, 86_400, 1024, 30)


@pytest.mark.parametrize("fields", [{"lease_s": 0}, {"wait_s": -1}, {"ttl_s": 0}, {"max_kb": 0}, {"wait": 1}])
def test_absurd_values_are_refused(fields: dict[str, object]) -> None:
    """As everywhere."""
    with pytest.raises(ValidationError):
        IdempotencySettings.model_validate(fields)
