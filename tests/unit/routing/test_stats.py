"""How a target has been doing."""

from proxy.routing.stats import TargetStats


def test_a_new_target_is_idle() -> None:
    """Nothing is under way."""
    assert TargetStats().in_flight == 0
