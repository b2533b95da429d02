"""Strategies of other packages."""

from importlib.metadata import EntryPoint

import pytest

from proxy.routing.ordered import Ordered
from proxy.routing.own import GROUP, OwnStrategyUnusable, installed, load, own
from proxy.routing.rules import RouteRules
from proxy.routing.strategies import EVERYTHING
from proxy.routing.weighted import Weighted

NO_RULES = RouteRules()


def points(**values: str) -> dict[str, EntryPoint]:
    return {name: EntryPoint(name, value, GROUP) for name, value in values.items()}


class OfTheEntry(Weighted):
    def __init__(self, entry: str, rules: RouteRules) -> None:
        super().__init__(entry)
        self.rules = rules


def test_an_entry_point_makes_a_strategy_for_each_entry() -> None:
    """Of its name and rules; it is told everything, since nobody knows what it looks at."""
    kind = load("mine", points(mine=f"{__name__}:OfTheEntry"))
    made = kind.make("smart", NO_RULES)
    assert isinstance(made, OfTheEntry)
    assert made.rules is NO_RULES
    assert kind.wants(NO_RULES) == EVERYTHING


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no.such.module:X", "cannot be loaded"),
        (f"{__name__}:Nothing", "cannot be loaded"),
        (f"{__name__}:NO_RULES", "not callable"),
    ],
)
def test_what_cannot_be_used_is_named(value: str, says: str) -> None:
    """With where it was to come from."""
    with pytest.raises(OwnStrategyUnusable, match=rf"strategy 'mine' \({value}\).*{says}"):
        load("mine", points(mine=value))


def test_what_nobody_has_installed_is_named_with_what_there_is() -> None:
    """To tell a slip of the pen from a missing package."""
    with pytest.raises(OwnStrategyUnusable, match=r"no strategy 'mien'.*installed are mine, other"):
        load("mien", points(other="a:b", mine="a:c"))
    with pytest.raises(OwnStrategyUnusable, match="none is installed"):
        load("mine")
    assert "mine" not in installed()


def test_an_object_serves_every_entry() -> None:
    """As a library's user gives it."""
    mine = Ordered()
    kind = own(mine)
    assert kind.make("a", NO_RULES) is kind.make("b", NO_RULES) is mine
    assert kind.wants(NO_RULES) == EVERYTHING
