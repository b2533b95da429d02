"""Whether the strategies that a configuration names are there."""

from proxy.cli.strategy_checks import GIVEN, strategy_problems
from tests.support.gateway import settings


def test_built_in_ones_are_always_there() -> None:
    """Nothing is looked for."""
    assert strategy_problems(settings(routing={"strategy": "cost"})) == ([], [])


def test_each_place_that_names_one_that_nobody_has() -> None:
    """The gateway's own and the entries'."""
    models = {"m": {"targets": [{"provider": "echo"}], "strategy": "own:theirs"}, "n": {"targets": [{"provider": "echo"}]}}
    broken, unknown = strategy_problems(settings(routing={"strategy": "own:mine"}, models=models))
    assert (broken, [problem.path for problem in unknown]) == ([], ["routing.strategy", "models.m.strategy"])
    assert all(problem.message.endswith(GIVEN) for problem in unknown)
