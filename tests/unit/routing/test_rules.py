"""What a model's entry says beyond its targets."""

from proxy.routing.rules import RouteRules


def test_an_entry_without_rules_does_nothing_special() -> None:
    """No hedge, no shadow, no other entries."""
    rules = RouteRules()
    assert (rules.hedge, rules.shadow, rules.fallbacks, rules.continue_streams) == (None, None, (), False)
