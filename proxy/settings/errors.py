"""What is wrong with a configuration, and where."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""A setting's place: `("providers", "openai", "api_keys", 0)`."""


def dotted(path: Path) -> str:
    """`providers.openai.api_keys[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@dataclass(frozen=True)
class Problem:
    """One mistake. `where`: `config.yaml:12:5`, `environment PORT`, or "" when no source holds it."""

    message: str
    path: str = ""
    where: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class SettingsError(ValueError):
    """The configuration can't be used. `problems` lists every mistake; the text has one a line and never a secret."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
