"""Log levels in all their spellings."""

import pytest

from proxy.settings.telemetry import TelemetrySettings


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("info", "info"),
        ("WARN", "warning"),
        ("trace", "debug"),
        ("debug,hyper=info", "debug"),
        ("hyper=info", "info"),
        (False, "critical"),
        ("off", "critical"),
    ],
)
def test_levels_of_other_worlds_are_taken(value: object, level: str) -> None:
    """Python's, Rust's, YAML's false."""
    assert TelemetrySettings.model_validate({"log_level": value}).log_level == level


def test_unknown_levels_are_refused() -> None:
    """With the known ones named."""
    with pytest.raises(ValueError, match="log_level"):
        TelemetrySettings.model_validate({"log_level": 5})
