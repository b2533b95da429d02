"""A reload as the admin API sees it: asked for here, carried out by whatever serves the gateway."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from proxy.core.errors import ClientFault
from proxy.settings import Problem


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """A version that came into force."""

    version: str
    previous: str
    changed: tuple[str, ...] = ()
    """Dotted paths of settings."""
    warnings: tuple[str, ...] = ()
    workers: int = 1
    """Processes that took it."""


class ReloadRefused(Exception):
    """The new configuration is wrong, or could not be taken; the text says what and where. The old one stays in force."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


Reload = Callable[[], Awaitable[Reloaded]]
"""For all processes of this machine. Raises ReloadRefused, and Unavailable where nobody answers."""


class ConfigRefused(ClientFault):
    """As an answer; `details["problems"]` lists every mistake with its place."""

    status = 422
    code = "config_refused"


def refusal(exc: ReloadRefused) -> ConfigRefused:
    problems: list[dict[str, Any]] = [problem.as_dict() for problem in exc.problems]
    first = str(exc.problems[0]) if exc.problems else "no reason given"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ConfigRefused(f"not reloaded, the old configuration stays in force: {first}{more}", details={"problems": problems})
