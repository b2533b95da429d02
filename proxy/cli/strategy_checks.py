"""Whether the strategies of other packages that a configuration names are there."""

from proxy.routing import own
from proxy.routing.strategies import OWN
from proxy.settings import Problem, Settings
from proxy.settings.errors import dotted

GIVEN = "a program may give one of that name to the gateway, which cannot be known here"


def strategy_problems(settings: Settings) -> tuple[list[Problem], list[Problem]]:
    """Those that are installed and cannot be used; and those that nobody has installed, which is no mistake where they are given by
    argument (`build_app(strategies=…)`)."""
    broken: list[Problem] = []
    unknown: list[Problem] = []
    points = own.installed()
    for path, name in own.named(settings).items():
        if not name.startswith(OWN):
            continue
        try:
            own.load(name.removeprefix(OWN), points)
        except own.OwnStrategyUnusable as exc:
            if name.removeprefix(OWN) in points:
                broken.append(Problem(str(exc), dotted(path), settings.origin(path)))
            else:
                unknown.append(Problem(f"{exc}; {GIVEN}", dotted(path), settings.origin(path)))
    return broken, unknown
