"""What clients may ask for."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings.models import ModelSettings, TargetSettings


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": []},
        {},
        {"targets": [{"provider": "p", "weight": -1}]},
        {"targets": [{"provider": "p", "model": ""}]},
        {"targets": [{"model": "m"}]},
        {"targets": [{"provider": "p"}], "retries": {"attempts": 0}},
        {"targets": [{"provider": "p"}], "timeouts": {"total_s": 0}},
        {"targets": [{"provider": "p"}], "strategy": "fastest"},
        {"targets": [{"provider": "p"}], "strategy": 5},
    ],
)
def test_what_cannot_route_is_refused(fields: dict[str, Any]) -> None:
    """At least one target, positive weights, known strategies."""
    with pytest.raises(ValidationError):
        ModelSettings.model_validate(fields)


def test_a_target_without_a_model_passes_the_name_on() -> None:
    """For patterns such as `gpt-*`."""
    assert TargetSettings(provider="p").model is None
