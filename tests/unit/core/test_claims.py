"""Claims are values: the same rules are found again by them."""

from proxy.core.claims import Amounts, Group, Outcome, Slots, Spend, Window


def test_equal_rules_are_one_key() -> None:
    """Stores may remember what they have prepared."""

    def group() -> Group:
        return Group("t", (Window("API_KEY:k:*", "requests", 60), Slots("API_KEY:k:*", 4), Spend("TENANT:t:2026-11", 10**9)))

    assert {group(): 1}[group()] == 1
    assert Window("a", "input", 1) != Window("a", "output", 1)


def test_a_request_is_one() -> None:
    """Unless said otherwise; and nothing refused is nothing refused."""
    assert Amounts().requests == 1
    assert Outcome().refused is None
