"""Targets and keys that asked to be left alone for a while."""

from proxy.core.cooldown import Cooldowns


def test_a_key_rests_until_its_time() -> None:
    """Not a moment longer, and no other key with it."""
    rest = Cooldowns()
    rest.extend("a", 10.0)
    assert [rest.until("a", now) for now in (0.0, 9.9, 10.0)] == [10.0, 10.0, 0.0]
    assert rest.until("b", 0.0) == 0.0


def test_a_shorter_wish_never_shortens_a_longer_one() -> None:
    """Contract C."""
    rest = Cooldowns()
    rest.extend("a", 10.0)
    rest.extend("a", 5.0)
    assert rest.until("a", 0.0) == 10.0


def test_a_success_ends_the_rest() -> None:
    """Clearing what does not rest is nothing."""
    rest = Cooldowns()
    rest.clear("a")
    rest.extend("a", 10.0)
    rest.clear("a")
    assert rest.until("a", 0.0) == 0.0
